"""Files in the very formats that GroupLens, the McAuley lab, Kaggle and RecBole ship, with made-up rows."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from cuvee import registry
from cuvee.errors import ConfigError, DataError, UnknownNameError
from cuvee.readers.mapping import Mapped, known_layouts
from cuvee.types import Dataset

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files given as name=text; names that end in .gz are packed."""

    def files(encoding: str = "utf-8", **texts: str) -> Path:
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = text.encode(encoding)
            path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return tmp_path

    return files


def told(data: Dataset) -> list[tuple[str, str, int, str]]:
    e = data.events
    rows = zip(e.user, e.item, e.time, e.kind, strict=True)
    return [(data.users[u], data.items[i], int(t), e.kinds[k]) for u, i, t, k in rows]


def row(table: pl.DataFrame | None, at: int) -> dict[str, object]:
    assert table is not None
    return table.row(at, named=True)


def test_movielens_100k(write: Write) -> None:
    """Nineteen flags become genres, `unknown` none; the encoding is latin-1; tabs and bars part the fields."""
    flags = {"Amélie": "0|0|0|0|0|1|0|0|1|0|0|0|0|0|1|0|0|0|0", "Odd": "1" + "|0" * 18}
    items = [
        f'7|Amélie "the" Film (2001)|25-Apr-2001||http://us.imdb.com/x?(2001)|{flags["Amélie"]}',
        f"12|Odd|||| {flags['Odd']}".replace("| 1", "|1"),
    ]
    write(encoding="latin-1", **{"u.item": "\n".join(items) + "\n"})
    people = "3|24|M|technician|01067\n5|53|F|other|94043\n"
    folder = write(**{"u.data": "5\t12\t2\t891717742\n3\t7\t5\t881250949\n", "u.user": people})
    data = Mapped(folder, "movielens-100k").read()
    assert told(data) == [("3", "7", 881250949, "event"), ("5", "12", 891717742, "event")]
    first = row(data.item_table, 0)
    assert first["title"] == 'Amélie "the" Film (2001)'
    assert (first["genres"], first["year"], str(first["released"])) == ("Comedy|Drama|Romance", "2001", "2001-04-25")
    second = row(data.item_table, 1)
    assert (second["genres"], second["year"], second["released"]) == (None, None, None)
    assert row(data.user_table, 0) == {
        "user_id": "3", "age": 24, "gender": "M", "occupation": "technician", "zip_code": "01067",
    }  # fmt: skip
    assert Mapped(folder, "movielens-100k", min_rating=3).read().liked.indices.tolist() == [0]


def test_movielens_1m(write: Write) -> None:
    write(encoding="latin-1", **{"movies.dat": "1::Les Misérables: a|b (1995)::Drama|Musical\n2::Plain (1960)::War\n"})
    folder = write(
        **{
            "ratings.dat": "9::2::3::978300760\n4::1::5::978302109\n",
            "users.dat": "9::F::1::10::48067\n4::M::56::16::70072-1\n",
        }
    )
    data = Mapped(folder, "movielens-1m").read()
    assert told(data) == [("9", "2", 978300760, "event"), ("4", "1", 978302109, "event")]
    assert row(data.item_table, 0) == {
        "item_id": "1", "title": "Les Misérables: a|b (1995)", "year": "1995", "genres": "Drama|Musical",
    }  # fmt: skip
    assert [tuple(r) for r in data.user_table.select("age", "occupation", "zip_code").rows()] == [
        ("under 18", "K-12 student", "48067"),
        ("56 and over", "self-employed", "70072-1"),
    ]


def test_movielens_latest(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    """Links stand beside the films, also where rows are missing or in another order; tags are reviews."""
    movies = 'movieId,title,genres\n1,"Lock, Stock (1998)",Crime|Comedy\n70,Bare,(no genres listed)\n'
    folder = write(
        **{
            "ratings.csv": "userId,movieId,rating,timestamp\n1,70,3.5,964982703\n2,1,4.0,964981247\n",
            "movies.csv": movies,
            "links.csv": "movieId,imdbId,tmdbId\n70,0114709,862\n",
            "tags.csv": "userId,movieId,tag,timestamp\n2,1,very british,1445714994\n",
        }
    )
    data = Mapped(folder, "movielens-latest").read()
    assert told(data) == [("2", "1", 964981247, "event"), ("1", "70", 964982703, "event")]
    assert data.item_table.rows() == [
        ("1", "Lock, Stock (1998)", "1998", "Crime|Comedy", None, None),
        ("70", "Bare", None, None, "0114709", "862"),
    ]
    assert row(data.reviews, 0) == {"user_id": "2", "item_id": "1", "text": "very british", "timestamp": 1445714994}
    (folder / "tags.csv").unlink()
    assert Mapped(folder, "movielens-latest").read().reviews is None
    assert "no tags.csv, so there is no table of reviews" in caplog.text


REVIEW_2014 = (
    '{"reviewerID": "A2", "asin": "0000031887", "reviewerName": "X", "helpful": [0, 1], "reviewText": "Fits\\nwell", '
    '"overall": 4.0, "summary": "Good", "unixReviewTime": 1400000000, "reviewTime": "05 13, 2014"}\n'
)


def test_amazon_2014(write: Write) -> None:
    """Reviews are JSON, metadata Python literals; a product may lack any key; code in them is not run."""
    meta = (
        "{'asin': '0000031887', 'categories': [['Clothing', 'Girls'], ['Sports']], 'price': 7.5, "
        "'title': \"Girl's Skirt\", 'imUrl': 'http://x/1.jpg', 'related': {'also_bought': ['B0']}}\n"
        "{'asin': 'B00X', 'description': 'Plain', 'salesRank': {}}\n{'asin': 'B00X', 'title': 'Again'}\n"
    )
    folder = write(**{"reviews_Tiny_5.json.gz": REVIEW_2014, "meta_Tiny.json.gz": meta})
    data = Mapped(folder, "amazon-2014").read()
    assert told(data) == [("A2", "0000031887", 1400000000, "event")]
    assert row(data.reviews, 0) == {
        "user_id": "A2", "item_id": "0000031887", "rating": 4.0, "timestamp": 1400000000, "text": "Fits\nwell",
        "summary": "Good",
    }  # fmt: skip
    assert row(data.item_table, 0) == {
        "item_id": "0000031887", "title": "Girl's Skirt", "description": None, "category": "Clothing > Girls",
        "price": 7.5, "image_url": "http://x/1.jpg",
    }  # fmt: skip
    assert row(data.item_table, 1)["title"] is None
    write(**{"meta_Tiny.json.gz": "{'asin': __import__('os').getcwd()}\n"})
    with pytest.raises(DataError, match=r"meta_Tiny\.json\.gz: line 1 is not a Python literal"):
        Mapped(folder, "amazon-2014").read()


def test_amazon_2018(write: Write) -> None:
    """Both kinds of file end alike and are told apart by their names; a price is one or some markup."""
    reviews = (
        '{"overall": 5.0, "vote": "2", "verified": true, "reviewTime": "10 4, 2014", "reviewerID": "A9", "asin": "B01",'
        ' "style": {"Color:": " Black"}, "reviewText": "ok", "summary": "s", "unixReviewTime": 1412380800}\n'
    )
    meta = (
        '{"category": ["Games", "PC"], "description": ["One.", "Two."], "title": "Pad", "brand": "Acme", "feature": '
        '["A", "B"], "main_cat": "Toys", "price": "$12.99", "asin": "B01", "imageURLHighRes": ["h1", "h2"]}\n'
        '{"category": [], "description": [], "title": "", "price": ".a-box-inner{margin:$1.00}", "asin": "B02"}\n'
    )
    data = Mapped(write(**{"Tiny_5.json.gz": reviews, "meta_Tiny.json.gz": meta}), "amazon-2018").read()
    assert told(data) == [("A9", "B01", 1412380800, "event")]
    first, second = row(data.item_table, 0), row(data.item_table, 1)
    assert [first[c] for c in ("description", "features", "category", "price", "image_url")] == [
        "One. Two.", "A. B", "Games > PC", 12.99, "h1",
    ]  # fmt: skip
    assert [second[c] for c in ("title", "description", "category", "price")] == [None] * 4


def test_amazon_2023(write: Write) -> None:
    """Products by parent_asin, times in milliseconds, prices as numbers, texts or null."""
    reviews = (
        '{"rating": 5.0, "title": "Such", "text": "Nice", "images": [], "asin": "B1black", "parent_asin": "B1", '
        '"user_id": "AG", "timestamp": 1588687728923, "helpful_vote": 0, "verified_purchase": true}\n'
    )
    meta = (
        '{"main_category": "All Beauty", "title": "Spray", "features": [], "description": ["Long"], "price": 9.5, '
        '"images": [{"thumb": "t", "large": "l", "variant": "MAIN", "hi_res": null}], "videos": [], "store": "Pure", '
        '"categories": [], "details": {"Brand": "x"}, "parent_asin": "B1", "bought_together": null}\n'
        '{"title": "From", "price": "from 4.99", "images": [], "parent_asin": "B2"}\n'
    )
    data = Mapped(write(**{"All_Tiny.jsonl.gz": reviews, "meta_All_Tiny.jsonl.gz": meta}), "amazon-2023").read()
    assert told(data) == [("AG", "B1", 1588687728, "event")]
    first, second = row(data.item_table, 0), row(data.item_table, 1)
    assert [first[c] for c in ("price", "image_url", "brand", "description")] == [9.5, "l", "Pure", "Long"]
    assert [second[c] for c in ("price", "price_text", "image_url")] == [None, "from 4.99", None]
    assert row(data.reviews, 0)["summary"] == "Such"


def test_hm(write: Write) -> None:
    """Article ids keep their zero; a picture is found by the id, and one that is not there is missing."""
    head = (
        "article_id,product_code,prod_name,product_type_no,product_type_name,product_group_name,"
        "graphical_appearance_no,graphical_appearance_name,colour_group_code,colour_group_name,"
        "perceived_colour_value_id,perceived_colour_value_name,perceived_colour_master_id,"
        "perceived_colour_master_name,department_no,department_name,index_code,index_name,index_group_no,"
        "index_group_name,section_no,section_name,garment_group_no,garment_group_name,detail_desc\n"
    )
    rest = "253,Vest,Upper,1,Solid,9,Black,4,Dark,5,Black,1676,Basics,A,Wear,1,Wear,16,Everyday,1002,Jersey"
    lines = [f'0108775015,0108775,Strap top,{rest},"Jersey top, narrow"', f"0208775044,0208775,Top,{rest},"]
    folder = write(
        **{
            "articles.csv": head + "\n".join(lines) + "\n",
            "customers.csv": "customer_id,FN,Active,club_member_status,fashion_news_frequency,age,postal_code\n"
            "00ab,,,ACTIVE,NONE,49.0,52\n",
            "transactions_train.csv": "t_dat,customer_id,article_id,price,sales_channel_id\n"
            "2018-09-20,00ab,0208775044,0.0508,2\n",
            "images/010/0108775015.jpg": "a picture",
        }
    )
    data = Mapped(folder, "hm", kinds={"buy": 3.0}).read()
    assert told(data) == [("00ab", "0208775044", 1537401600, "buy")]
    assert data.events.weight.tolist() == [3]
    first, second = row(data.item_table, 0), row(data.item_table, 1)
    assert first["image"] == str((folder / "images/010/0108775015.jpg").resolve())
    assert [first[c] for c in ("title", "description", "colour", "garment_group")] == [
        "Strap top", "Jersey top, narrow", "Black", "Jersey",
    ]  # fmt: skip
    assert (second["image"], second["description"]) == (None, None)
    assert row(data.user_table, 0)["age"] == 49


def test_recbole(write: Write) -> None:
    """Types in the header go, their numbers come; links stand beside the items."""
    folder = write(
        **{
            "tiny.inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n",
            "tiny.item": 'item_id:token\ttitle:token_seq\tyear:float\tvec:float_seq\n242\tThe "Big" One\t1997\t0.5 1\n',
            "tiny.user": "user_id:token\tage:token\n196\t49\n",
            "tiny.kg": "head_id:token\trelation_id:token\ttail_id:token\nm.0\tfilm.actor\tm.1\n",
            "tiny.link": "item_id:token\tentity_id:token\n242\tm.0\n",
            "tiny.net": "source_id:token\ttarget_id:token\n196\t7\n",
        }
    )
    data = Mapped(folder, "recbole", min_rating=2).read()
    assert told(data) == [("196", "242", 881250949, "event")]
    assert row(data.item_table, 0) == {
        "item_id": "242", "title": 'The "Big" One', "year": 1997, "vec": "0.5|1", "entity_id": "m.0",
    }  # fmt: skip
    assert row(data.triples, 0) == {"head": "m.0", "relation": "film.actor", "tail": "m.1"}
    assert row(data.social, 0) == {"src": "196", "dst": "7"}


def test_lastfm_hetrec(tmp_path: Path) -> None:
    """What somebody tagged an artist with is their review; the description, of everybody's tags, is not read."""
    pair = {"user_id": ["2"], "item_id": ["51"]}
    pl.DataFrame({**pair, "rating": [1.5], "timestamp": [0]}).write_parquet(tmp_path / "interactions.parquet")
    pl.DataFrame({"item_id": ["51"], "title": ["A"], "description": ["pop"]}).write_parquet(tmp_path / "items.parquet")
    pl.DataFrame({**pair, "tag": ["pop"], "timestamp": [-5]}).write_parquet(tmp_path / "tag_assignments.parquet")
    pl.DataFrame({"item_id": ["51"], "entity_id": ["m.0"]}).write_parquet(tmp_path / "kg_item_link.parquet")
    pl.DataFrame({"src": ["2"], "dst": ["7"]}).write_parquet(tmp_path / "social.parquet")
    data = Mapped(tmp_path, "lastfm-hetrec").read()
    assert told(data) == [("2", "51", 0, "event")]
    assert row(data.item_table, 0) == {"item_id": "51", "title": "A", "entity_id": "m.0"}
    assert row(data.reviews, 0) == {"user_id": "2", "item_id": "51", "text": "pop"}
    assert row(data.social, 0) == {"src": "2", "dst": "7"}


OWN = """
interactions:
  files: log/*.csv
  separator: ";"
  take:
    user_id: who
    item_id: what
    event: {column: act, values: {"1": view, "2": buy}}
    timestamp: {column: at, type: "%d.%m.%Y %H:%M"}
items:
  files: goods.parquet
  format: parquet
  take: {item_id: sku, tags: {column: labels, split: ",", join: " "}, sizes: sizes}
  rest: true
"""


def test_a_layout_of_ones_own(write: Write) -> None:
    """Several files one below the other, parquet with lists, values with a meaning."""
    folder = write(
        **{
            "own.yaml": OWN,
            "log/b.csv": 'who;what;act;at\n"x;y";02;1;02.01.1970 00:01\n',
            "log/a.csv": "who;what;act;at\nz;1;2;01.01.1970 00:00\nz;1;3;01.01.1970 00:02\n",
        }
    )
    goods = pl.DataFrame({"sku": [1, 2], "labels": ["red,big", None], "sizes": [["S", "M"], []], "grams": [5, 7]})
    goods.write_parquet(folder / "goods.parquet")
    data = Mapped(folder, "own.yaml").read()
    assert told(data) == [("z", "1", 0, "buy"), ("z", "1", 120, "3"), ("x;y", "02", 86460, "view")]
    assert data.item_table.rows() == [
        ("1", "red big", "S|M", 5.0),
        ("2", None, None, 7.0),
        ("02", None, None, None),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("files: log/*.csv", "file: log/*.csv"), "unknown key of interactions: 'file'; did you mean 'files'?"),
        (("{column: act,", "{colum: act,"), "unknown key of interactions.take.event: 'colum'; did you mean 'column'?"),
        (("items:", "item:"), "unknown table 'item'; did you mean 'items'?"),
        (("interactions:", "users:"), "a layout needs the table interactions"),
        (("rest: true", "rest: [1]"), "items.rest: "),
        (('separator: ";"', "format: excel"), "interactions.format: "),
        (("format: parquet", "format: jsonl"), "items.rest: records differ in their keys; name those to take"),
        (('{column: at, type: "%d.%m.%Y %H:%M"}', "{column: at, type: second}"), "did you mean 'seconds'?"),
        (("take:", "take: ["), "cannot be read as YAML"),
    ],
)
def test_what_is_wrong_with_a_layout(change: tuple[str, str], message: str, write: Write) -> None:
    folder = write(**{"own.yaml": OWN.replace(*change, 1)})
    with pytest.raises(ConfigError, match=re.escape(str(folder / "own.yaml")) + ".*" + re.escape(message)):
        Mapped(folder, "own.yaml").read()


def test_layouts_are_found_by_name(tmp_path: Path) -> None:
    assert "movielens-1m" in known_layouts()
    for name in known_layouts():
        assert name in registry.meaning(Mapped, "layout")
    with pytest.raises(UnknownNameError, match="did you mean 'movielens-1m'"):
        Mapped(tmp_path, "movielens-1").read()
    with pytest.raises(DataError, match=r"my\.yaml: no such layout; a path is relative to the folder"):
        Mapped(tmp_path, "my.yaml").read()
    with pytest.raises(DataError, match="gone: no such folder"):
        Mapped(tmp_path / "gone", "hm").read()
    with pytest.raises(DataError, match=r"no u\.data here, and the layout 'movielens-100k'"):
        Mapped(tmp_path, "movielens-100k").read()


def test_the_example_of_the_docs(write: Write) -> None:
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    example = next(block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "goods" in block)
    goods = '{"sku": "ab1", "name": "Lamp", "labels": "red,big", "maker": {"name": "Acme"}, "price": "EUR 3.50"}\n'
    log = "customer;sku;at;action\nanna;ab1;1970-01-02 00:01;3\n"
    folder = write(**{"shop.yaml": example, "goods.jsonl.gz": goods, "log/1.csv": log, "images/ab/ab1.jpg": "x"})
    data = Mapped(folder, "shop.yaml").read()
    assert told(data) == [("anna", "ab1", 86_460, "buy")]
    assert row(data.item_table, 0) == {
        "item_id": "ab1", "title": "Lamp", "tags": "red big", "brand": "Acme", "price": 3.5,
        "image": str((folder / "images/ab/ab1.jpg").resolve()),
    }  # fmt: skip


def test_a_recipe_names_it(tmp_path: Path) -> None:
    """A layout is a name, not a path: it stays as it is whatever folder the recipe lies in."""
    reader = registry.build("readers", {"mapping": {"path": "raw", "layout": "hm"}}, tmp_path)
    assert reader == Mapped(tmp_path / "raw", "hm")
    assert registry.build("readers", registry.describe(reader)) == reader


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_ends_of_lines(end: str, write: Write) -> None:
    """Files from Windows and from Unix, with a byte order mark or without."""
    folder = write(**{"ratings.csv": f"\ufeffuserId,movieId,rating,timestamp{end}1,2,3,4{end}1,3,4,5{end}"})
    assert told(Mapped(folder, "movielens-latest").read()) == [("1", "2", 4, "event"), ("1", "3", 5, "event")]
    folder = write(**{"ratings.dat": f"1::2::3::4{end}1::3::4::5{end}"})
    assert told(Mapped(folder, "movielens-1m").read()) == [("1", "2", 4, "event"), ("1", "3", 5, "event")]
    folder = write(**{"u.data": f"1\t2\t3\t4{end}1\t3\t4\t5{end}"})
    assert told(Mapped(folder, "movielens-100k").read()) == [("1", "2", 4, "event"), ("1", "3", 5, "event")]


@pytest.mark.parametrize(
    ("layout", "name", "content", "message"),
    [
        ("movielens-100k", "u.data", b"", "u.data: the file is empty"),
        ("movielens-100k", "u.data", b"1 2 3 4\n", "u.data: row 1 has 1 fields, 4 are named; check separator"),
        ("movielens-100k", "u.data", b"1\t2\t3\t4\n1\t2\tx\t4\n", "u.data: row 2 has 'x' as rating, which is not"),
        ("movielens-100k", "u.data", b"1\t2\t3\t4\n1\t2\t3\tnoon\n", "u.data: row 2 has 'noon' as timestamp"),
        ("movielens-100k", "u.data", b"1\t2\t3\t-4\n", "u.data: row 1 has the negative time -4"),
        ("movielens-100k", "u.data", b"1\t2\t3\t4\n1\t\xff\t3\t4\n", "u.data: line 2 is not utf-8"),
        ("movielens-100k", "u.data", b"1\t2\t3\t4\n\t2\t3\t4\n", "u.data: row 2 has no user_id"),
        ("movielens-1m", "ratings.dat", b"1::2::3::4\n1::2::3::4::5\n", "ratings.dat: cannot be read with the sep"),
        ("movielens-latest", "ratings.csv", b"userId,movieId,stars\n1,2,3\n", "no column 'rating' for 'rating'; it"),
        ("hm", "transactions_train.csv", b"t_dat,customer_id,article_id,price,sales_channel_id\n5.1.20,a,b,1,2\n",
         "transactions_train.csv: row 1 has '5.1.20' as timestamp, which is not %Y-%m-%d"),
        ("amazon-2014", "reviews_A_5.json", b'{"reviewerID": "a", "asin": "b"}\n[1]\n', "line 2 is no record"),
        ("amazon-2014", "reviews_A_5.json", b'{"reviewerID": "a"\n', "reviews_A_5.json: line 1 is not JSON"),
        ("amazon-2014", "reviews_A_5.json", b'{"reviewer": "a", "asin": "b"}\n', "no column 'reviewerID' for"),
        ("amazon-2014", "reviews_A_5.json.gz", b"no gzip", "reviews_A_5.json.gz: cannot be read after line 0"),
        ("recbole", "a.inter", b"user:token\titem_id:token\n1\t2\n", "takes no user_id from it; it has user, item_id"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file(layout: str, name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=re.escape(message)) as told:
        Mapped(tmp_path, layout).read()
    assert name in str(told.value)


def test_packed_and_unpacked_at_once(write: Write) -> None:
    folder = write(**{"reviews_A_5.json": REVIEW_2014, "reviews_A_5.json.gz": REVIEW_2014})
    with pytest.raises(DataError, match=r"both reviews_A_5\.json\.gz and reviews_A_5\.json; keep one"):
        Mapped(folder, "amazon-2014").read()


def test_a_key_that_no_record_has(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    """It is an empty column, said aloud; an id may not be missing."""
    folder = write(**{"reviews_A_5.json": '{"reviewerID": "a", "asin": "b", "reviewText": ""}\n'})
    data = Mapped(folder, "amazon-2014").read()
    assert told(data) == [("a", "b", 0, "event")]
    assert "no record has 'overall', so there is no column 'rating'" in caplog.text
