"""How each kind of product looks: one function a kind, in up to four forms."""

from collections.abc import Callable

from cuvee.demo.pen import Ink, Pen

__all__ = ["SILHOUETTES"]

_DARK, _STEEL, _PALE, _WOOD, _GLASS = (58, 60, 66), (168, 172, 178), (238, 236, 230), (176, 139, 98), (248, 249, 247)
_TRIMS: tuple[Ink, ...] = (_DARK, _STEEL, _WOOD, (122, 126, 134))
"""Feet, handles and zips: they go with the form, not with the colour."""


def _lamp(pen: Pen, form: int) -> None:
    trim = _TRIMS[form % 3]
    foot = (24, 20, 28, 16)[form]
    pen.ellipse(50 - foot, 84, 50 + foot, 93, trim)
    pen.box(48.4, 46, 51.6, 89, trim)
    if form == 1:
        pen.ellipse(34, 58, 66, 84, 0.8)
    if form == 3:
        pen.blob([(50, 8), (76, 28), (78, 50), (50, 54), (22, 50), (24, 28)], 1.0)
        pen.ellipse(25, 45, 75, 55, 1.35)
        return
    top = (18, 22, 12)[form]
    pen.polygon([(50 - top, 10), (50 + top, 10), (84, 52), (16, 52)], 1.0)
    pen.ellipse(50 - top, 7, 50 + top, 13, 0.75)
    pen.ellipse(16, 46.5, 84, 57.5, 1.0)
    pen.ellipse(20, 49, 80, 56, 1.4)


def _teapot(pen: Pen, form: int) -> None:
    trim = _TRIMS[form]
    if form % 2:
        pen.curve([(28, 40), (34, 16), (50, 10), (66, 16), (72, 40)], 4, trim)
    else:
        pen.curve([(22, 46), (6, 44), (4, 62), (14, 74), (26, 74)], 5, 0.75)
    pen.blob([(70, 66), (82, 54), (86, 40), (95, 36), (97, 40), (92, 60), (76, 80)], 0.85)
    if form < 2:
        pen.blob([(50, 32), (70, 38), (80, 58), (74, 80), (50, 88), (26, 80), (20, 58), (30, 38)], 1.0)
    else:
        pen.blob([(32, 36), (68, 36), (76, 62), (82, 86), (50, 89), (18, 86), (24, 62)], 1.0)
    pen.ellipse(31, 29, 69, 41, 0.7)
    pen.ellipse(33, 26, 67, 38, 1.1)
    pen.ellipse(45, 19, 55, 29, trim)


def _backpack(pen: Pen, form: int) -> None:
    trim = _TRIMS[form]
    pen.curve([(40, 16), (42, 5), (58, 5), (60, 16)], 4, trim)
    pen.curve([(24, 30), (11, 50), (15, 82)], 7, 0.6)
    pen.curve([(76, 30), (89, 50), (85, 82)], 7, 0.6)
    if form % 2:
        pen.box(20, 20, 80, 93, 1.0, radius=10)
        pen.polygon([(20, 30), (22, 16), (78, 16), (80, 30), (80, 48), (20, 48)], 0.85)
        pen.box(44, 43, 56, 55, trim, radius=2)
    else:
        pen.blob([(50, 10), (72, 17), (80, 45), (81, 86), (50, 93), (19, 86), (20, 45), (28, 17)], 1.0)
        pen.curve([(27, 44), (32, 24), (50, 18), (68, 24), (73, 44)], 1.3, trim)
    pen.box(29, 59, 71, 86, 0.8, radius=6)
    pen.line([(33, 66), (67, 66)], 1.5, trim)


def _sneakers(pen: Pen, form: int) -> None:
    sole: Ink = (_PALE, _DARK, _PALE, _GLASS)[form]
    top = 26 if form % 2 else 36
    pen.blob([(8, top), (26, top - 2), (36, 44), (56, 54), (84, 62), (95, 72), (94, 80), (8, 80), (6, 58)], 1.0)
    pen.blob([(68, 62), (86, 64), (95, 73), (93, 80), (64, 80)], 1.2 if form < 2 else _PALE)
    pen.blob([(7, top + 2), (18, top + 2), (20, 62), (18, 78), (7, 78)], 0.75)
    pen.box(4, 77, 97, 87, sole, radius=4.5)
    if form >= 2:
        pen.line([(10, 83.5), (92, 83.5)], 1.2, _STEEL)
    pen.ellipse(9, top - 4, 27, top + 4, _DARK)
    for n in range(4):
        pen.line([(35 + 8 * n, 46.5 + 4.4 * n), (30 + 8.5 * n, 55 + 4 * n)], 2.2, _GLASS)


def _chair(pen: Pen, form: int) -> None:
    legs = _TRIMS[(2, 0, 1, 2)[form]]
    for low, high in ((20, 28), (80, 72)):
        pen.line([(high, 62), (low, 95)], 4, legs)
    for low, high in ((36, 39), (64, 61)):
        pen.line([(high, 62), (low, 90)], 3, legs)
    if form < 2:
        pen.blob([(28, 8), (50, 5), (72, 8), (76, 34), (72, 58), (28, 58), (24, 34)], 1.0)
    elif form == 2:
        pen.box(25, 8, 75, 32, 1.0, radius=8)
        pen.box(28, 30, 32, 60, legs)
        pen.box(68, 30, 72, 60, legs)
    else:
        pen.blob([(22, 26), (34, 8), (66, 8), (78, 26), (88, 40), (86, 60), (14, 60), (12, 40)], 1.0)
        pen.blob([(26, 30), (36, 16), (64, 16), (74, 30), (74, 56), (26, 56)], 1.15)
    pen.blob([(20, 55), (50, 51), (80, 55), (84, 63), (76, 69), (24, 69), (16, 63)], 0.78)


def _jacket(pen: Pen, form: int) -> None:
    trim = _TRIMS[(0, 1, 3, 0)[form]]
    pen.polygon([(32, 14), (20, 20), (6, 74), (17, 79), (34, 40)], 0.82)
    pen.polygon([(68, 14), (80, 20), (94, 74), (83, 79), (66, 40)], 0.82)
    pen.polygon([(6.5, 70), (5, 76), (17, 81), (18.5, 75)], trim)
    pen.polygon([(93.5, 70), (95, 76), (83, 81), (81.5, 75)], trim)
    pen.polygon([(31, 14), (69, 14), (73, 40), (73, 91), (27, 91), (27, 40)], 1.0)
    if form % 2:
        pen.blob([(34, 17), (40, 4), (50, 2), (60, 4), (66, 17), (50, 25)], 0.72)
        pen.blob([(41, 14), (50, 8), (59, 14), (50, 22)], _DARK)
    else:
        pen.polygon([(37, 8), (63, 8), (66, 19), (50, 24), (34, 19)], 0.72)
    pen.line([(50, 20), (50, 91)], 1.8, trim)
    pen.box(27, 87, 73, 93, trim if form > 1 else 0.72, radius=1)
    for left, right in ((33, 42), (67, 58)):
        pen.line([(left, 68), (right, 60)], 1.6, trim)


def _headphones(pen: Pen, form: int) -> None:
    trim = _TRIMS[(0, 1, 0, 3)[form]]
    pen.curve([(17, 58), (18, 32), (32, 13), (50, 8), (68, 13), (82, 32), (83, 58)], 7.5, 1.0 if form % 2 else trim)
    pen.curve([(30, 17), (40, 11.5), (50, 10), (60, 11.5), (70, 17)], 8.5, 0.8)
    for middle, inner in ((18, 29), (82, 71)):
        pen.box(inner - 6, 47, inner + 6, 88, _DARK, radius=6)
        if form < 2:
            pen.ellipse(middle - 13, 44, middle + 13, 91, 1.0)
        else:
            pen.box(middle - 12, 46, middle + 12, 90, 1.0, radius=9)
        pen.ellipse(middle - 7, 58, middle + 7, 77, 1.28)


def _plant_pot(pen: Pen, form: int) -> None:
    leaf, shade = (112, 128, 108), (88, 104, 88)
    stems = ((30, 12), (40, 6), (52, 3), (62, 9), (72, 16))[: (5, 4, 5, 3)[form]]
    for n, (x, y) in enumerate(stems):
        bend = (x - 50) * 0.4
        ink = leaf if n % 2 else shade
        pen.blob([(50, 52), (44 + bend, 30), (x, y), (54 + bend, 28)], ink)
    if form == 3:
        pen.ellipse(22, 40, 78, 94, 1.0)
        pen.ellipse(30, 40, 70, 52, 0.6)
        return
    bottom = (30, 24, 34)[form]
    pen.ellipse(16, 85, 84, 95, 0.7)
    pen.polygon([(20, 48), (80, 48), (50 + bottom, 91), (50 - bottom, 91)], 1.0)
    if form != 2:
        pen.box(16, 42, 84, 55, 1.12, radius=3)


def _ukulele(pen: Pen, form: int) -> None:
    neck = (_WOOD, _DARK, _WOOD, (140, 104, 72))[form]
    pen.box(46.5, 10, 53.5, 56, neck)
    pen.polygon([(44, 3), (56, 3), (54.5, 15), (45.5, 15)], neck)
    for y in (5, 10):
        pen.ellipse(40, y - 1.5, 44, y + 2, _STEEL)
        pen.ellipse(56, y - 1.5, 60, y + 2, _STEEL)
    waist = (9, 11, 13, 16)[form]
    upper = [(34, 45), (50, 40), (66, 45), (67, 55), (50 + waist + 5, 62)]
    lower = [(76, 76), (68, 93), (50, 96), (32, 93), (24, 76), (45 - waist, 62), (33, 55)]
    pen.blob([*upper, *lower], 1.0)
    pen.box(46.5, 36, 53.5, 58, neck)
    pen.ellipse(41, 55, 59, 71, _PALE if form % 2 else _WOOD)
    pen.ellipse(43, 57, 57, 69, _DARK)
    pen.box(39, 80, 61, 84, neck, radius=1)
    for x in (47.8, 49.3, 50.8, 52.3):
        pen.line([(x, 8), (x, 82)], 0.35, _GLASS)


def _watch(pen: Pen, form: int) -> None:
    trim = _TRIMS[(1, 0, 2, 1)[form]]
    pen.polygon([(36, 30), (39, 2), (61, 2), (64, 30)], 1.0)
    pen.polygon([(36, 70), (39, 98), (61, 98), (64, 70)], 1.0)
    for y in (80, 86, 92):
        pen.ellipse(48.7, y - 1.3, 51.3, y + 1.3, 0.5)
    pen.box(78, 46, 84, 54, trim, radius=1)
    if form < 2:
        pen.ellipse(21, 21, 79, 79, trim)
        pen.ellipse(25, 25, 75, 75, 1.1 if form else _GLASS)
    else:
        pen.box(22, 24, 78, 76, trim, radius=9)
        pen.box(26, 28, 74, 72, 1.1 if form == 3 else _GLASS, radius=6)
    for x, y in ((50, 30), (50, 70), (30, 50), (70, 50)):
        pen.ellipse(x - 1.5, y - 1.5, x + 1.5, y + 1.5, _DARK)
    pen.line([(50, 50), (50, 35)], 1.8, _DARK)
    pen.line([(50, 50), (61, 55)], 2.2, _DARK)
    pen.ellipse(47.8, 47.8, 52.2, 52.2, _DARK)


def _blanket(pen: Pen, form: int) -> None:
    layers = (3, 2, 3, 4)[form]
    height = 54 / layers
    for n in range(layers):
        top = 88 - height * (n + 1)
        pen.box(10, top, 90, top + height + 1, 0.92 + 0.1 * (n % 2), radius=height / 2.4)
        pen.line([(16, top + height - 1), (88, top + height - 1)], 1.2, 0.62)
    if form % 2:
        pen.polygon([(56, 33), (80, 33), (82, 80), (54, 80)], 1.12)
        for x in range(55, 83, 3):
            pen.line([(x, 80), (x, 87)], 1.2, 1.25)
    else:
        for n in range(layers):
            middle = 88 - height * (n + 0.5)
            for step in (-4, 0, 4):
                pen.line([(90, middle + step), (96, middle + step + 1)], 1.2, 1.25)
    if form == 2:
        pen.box(44, 32, 56, 89, _WOOD, radius=1)


def _flask(pen: Pen, form: int) -> None:
    trim = _TRIMS[(1, 0, 2, 3)[form]]
    if form == 1:
        pen.curve([(70, 44), (88, 46), (88, 72), (70, 76)], 4.5, trim)
    if form == 2:
        pen.curve([(42, 10), (44, 2), (56, 2), (58, 10)], 3, trim)
    left, right = (31, 69) if form != 3 else (34, 66)
    pen.box(left + 5, 8, right - 5, 26, trim, radius=3)
    pen.polygon([(left + 7, 24), (right - 7, 24), (right, 38), (left, 38)], 0.85)
    pen.box(left, 35, right, 95, 1.0, radius=6)
    pen.box(left, 33, right, 42, 1.0)
    pen.box(left, 86, right, 89, trim)
    pen.line([(left + 6, 46), (left + 6, 80)], 2.2, 1.4)


SILHOUETTES: dict[str, Callable[[Pen, int], None]] = {
    "lamp": _lamp,
    "teapot": _teapot,
    "backpack": _backpack,
    "sneakers": _sneakers,
    "chair": _chair,
    "jacket": _jacket,
    "headphones": _headphones,
    "plant_pot": _plant_pot,
    "ukulele": _ukulele,
    "watch": _watch,
    "blanket": _blanket,
    "flask": _flask,
}
