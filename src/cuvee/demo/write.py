"""Writes a demo shop into a folder, once."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tqdm import tqdm

from cuvee.demo import catalogue as catalogues
from cuvee.demo import people as persons
from cuvee.demo import tables, world
from cuvee.demo.behaviour import happen, simulate
from cuvee.demo.catalogue import Catalogue
from cuvee.demo.clips import write_clip
from cuvee.demo.drawing import draw
from cuvee.demo.sounds import write_sound
from cuvee.demo.truth import FORMAT, Parameters, event_utility, tell
from cuvee.demo.words import LANGUAGES
from cuvee.errors import ConfigError, DataError, UnknownNameError, unknown
from cuvee.films import need_decoder

__all__ = ["write_shop"]

_ITEMS, _USERS = 1000, 2000
"""At scale 1."""
_FEWEST = 24
_MEDIA_FOLDERS = ("clips", "sounds")
_WRITERS = {"video": write_clip, "audio": write_sound}
_PARTS = {"video": 10, "audio": 11}
"""Of the random numbers; each file has its own."""
_TABLES = ("interactions", "items", "users", "reviews", "social", "kg", "kg_item_link")
_MANY = 200
"""Pictures that take more than about two seconds to draw."""

_MEDIA_LINES = """
- `clips/`: what the `video` column points to, 2 s without sound.
- `sounds/`: what the `audio` column points to, 2 s."""


def write_shop(
    path: str | Path, *, lang: str = "en", seed: int = 0, scale: float = 1.0, media: bool = False, force: bool = False
) -> bool:
    """Write a shop of about 1,000 * `scale` products and 2,000 * `scale` users.

    With `media` every item has a sound and a clip as well, which tell what nothing else does; that needs PyAV. The same
    parameters give the same bytes; a complete shop of the same parameters stays as it is. Returns whether
    anything was written.

    Raises:
        DataError: the folder holds something else than a demo shop, and `force` is off.
        ConfigError: parameters that make no shop, or `media` without PyAV.
    """
    folder = Path(path)
    parameters = _checked(lang, seed, scale, media=media)
    found = _found(folder)
    if found.get("complete") and not force and _same(found, parameters) and _whole(folder, parameters):
        return False
    if not found and not force and folder.is_dir() and any(folder.iterdir()):
        raise DataError(
            f"{folder} is not empty and not a demo shop; name another folder, or use --force to write into it"
        )
    _begin(folder, parameters, was_shop=bool(found))
    _fill(folder, parameters)
    return True


def _checked(lang: str, seed: int, scale: float, *, media: bool) -> Parameters:
    if lang not in LANGUAGES:
        raise UnknownNameError(unknown("language", lang, LANGUAGES))
    if not 0 < scale < float("inf"):
        raise ConfigError(f"scale must be a positive number, got {scale}; 1 gives 1,000 products")
    if seed < 0:
        raise ConfigError(f"seed must not be negative, got {seed}")
    if media:
        need_decoder()
    return Parameters(lang, seed, float(scale), media)


def _found(folder: Path) -> dict[str, Any]:
    """Return what truth.json says of a demo shop; empty where there is none."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; name a folder for the demo shop")
    try:
        told = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return told if isinstance(told, dict) and "cuvee_demo_shop" in told else {}


def _same(found: dict[str, Any], parameters: Parameters) -> bool:
    told = found.get("parameters")
    return found["cuvee_demo_shop"] == FORMAT and told == parameters.told


def _whole(folder: Path, parameters: Parameters) -> bool:
    folders = ("images", *(_MEDIA_FOLDERS if parameters.media else ()))
    return all((folder / name).is_dir() for name in folders) and all(
        (folder / f"{name}.parquet").is_file() for name in _TABLES
    )


def _begin(folder: Path, parameters: Parameters, *, was_shop: bool) -> None:
    """Mark the folder as a shop under construction, so that a killed run can be repeated, and clear old files."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    _write_json(folder, {"cuvee_demo_shop": FORMAT, "complete": False, "parameters": parameters.told})
    if was_shop:
        old = [*(folder / "images").glob("[0-9]*.jpg")]
        old += [file for name in _MEDIA_FOLDERS for file in (folder / name).glob("[0-9]*.*")]
        for file in old:
            file.unlink()
    for name in _MEDIA_FOLDERS:
        if parameters.media:
            (folder / name).mkdir(exist_ok=True)
        else:
            with suppress(OSError):  # not there, or with files of somebody else
                (folder / name).rmdir()


def _fill(folder: Path, parameters: Parameters) -> None:
    seed, lexicon = parameters.seed, LANGUAGES[parameters.lang]
    catalogue = catalogues.make_catalogue(max(_FEWEST, round(_ITEMS * parameters.scale)), world.generator(seed, 1))
    people = persons.make_people(max(_FEWEST, round(_USERS * parameters.scale)), world.generator(seed, 2))
    if parameters.media:
        catalogue = catalogues.with_media(catalogue, world.generator(seed, 8))
        people = persons.with_media(people, world.generator(seed, 9))
    log = happen(simulate(people, catalogue, world.generator(seed, 3)), world.generator(seed, 4))
    images, wanted = tables.drawings(catalogue)
    frames = {
        "interactions": tables.interactions(log, catalogue, people),
        "items": tables.items(catalogue, lexicon, images, world.generator(seed, 5)),
        "users": tables.users(people, lexicon),
        "reviews": tables.reviews(log, catalogue, people, lexicon, world.generator(seed, 6)),
        "social": tables.social(people),
        "kg": tables.knowledge(catalogue, lexicon),
        "kg_item_link": tables.links(catalogue),
    }
    for name in _TABLES:
        frames[name].write_parquet(folder / f"{name}.parquet")
    for file, look in tqdm(wanted.items(), desc="drawings", unit="", disable=len(wanted) < _MANY):
        draw(*look).save(folder / file, quality=86)
    _record(folder, catalogue, seed)
    (folder / "README.md").write_text(_readme(parameters, frames), encoding="utf-8")
    events = event_utility(people, catalogue, log, world.generator(seed, 7))
    _write_json(folder, tell(parameters, catalogue, people, events, lexicon))


def _record(folder: Path, catalogue: Catalogue, seed: int) -> None:
    """Write the clips and the sounds of a shop that has them."""
    for name, files in tables.recordings(catalogue).items():
        attribute = next(a for a in world.MEDIA if a.modality == name)
        rows = [(file, n) for file, n in zip(files, catalogue.levels[attribute.name].tolist(), strict=True) if file]
        for file, level in tqdm(rows, desc=name, unit="", disable=len(rows) < _MANY):
            rng = np.random.default_rng([seed, _PARTS[name], int(Path(file).stem)])
            _WRITERS[name](folder / file, attribute.levels[level], rng)


def _write_json(folder: Path, told: dict[str, Any]) -> None:
    partial = folder / "truth.json.partial"
    partial.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    partial.replace(folder / "truth.json")


def _readme(parameters: Parameters, frames: dict[str, pl.DataFrame]) -> str:
    rows = "\n".join(
        f"- `{name}.parquet`: {frame.height:,} rows; {', '.join(frame.columns)}" for name, frame in frames.items()
    )
    options = f"--lang {parameters.lang} --seed {parameters.seed} --scale {parameters.scale:g}"
    options += " --media" if parameters.media else ""
    return f"""# A demo shop

Made up and drawn by `cuvee demo {options}`.
Free to use like Cuvee itself; no person, product or brand in it exists.

{rows}
- `images/`: what the `image` column of the items points to.{_MEDIA_LINES if parameters.media else ""}
- `truth.json`: how the data came about: what each modality carries, the attributes of every item, the tastes of every
  user, the utility formula, and what each kind of event is worth. Nothing that learns may read it.

Some images and texts are missing, and some items are new: nobody has met them yet.
"""
