"""Small made-up catalogues to talk about: films and a shop, in English and in Chinese."""

import polars as pl

__all__ = ["CATALOGUES", "SHOWN"]

_FILMS = [
    ("f01", "Iron Harbour (1996)", "Action|Thriller", "1996", "118 min", "Ada Brandt", "English", "USA"),
    ("f02", "The Glass Orchard (2004)", "Drama|Romance", "2004", "104 min", "Luis Ferrer", "Spanish", "Spain"),
    ("f03", "Midnight Tramway (1988)", "Horror|Mystery", "1988", "92 min", "Jonas Weil", "German", "Germany"),
    ("f04", "Paper Moons (2011)", "Animation|Children|Fantasy", "2011", "88 min", "Mei Tanaka", "Japanese", "Japan"),
    ("f05", "Two Left Feet (1999)", "Comedy|Musical", "1999", "97 min", "Ada Brandt", "English", "UK"),
    ("f06", "Crimson Static (2016)", "Sci-Fi|Horror", "2016", "121 min", "Jonas Weil", "English", "USA"),
    ("f07", "The Last Beekeeper (2019)", "Documentary", "2019", "84 min", "Petra Novak", "French", "France"),
    ("f08", "Salt and Thunder (1957)", "War|Drama", "1957", "143 min", "Luis Ferrer", "English", "UK"),
    ("f09", "Dust on the Ridge (1966)", "Western|Adventure", "1966", "131 min", "Sam Okafor", "English", "USA"),
    ("f10", "Seven Quiet Rooms (1974)", "Mystery|Crime|Thriller", "1974", "110 min", "Petra Novak", "French", "France"),
    ("f11", "Comet Season (1993)", "Sci-Fi|Comedy", "1993", "101 min", "Sam Okafor", "English", "USA"),
    ("f12", "Grandmother's Heist (2007)", "Comedy|Crime", "2007", "95 min", "Ada Brandt", "English", "UK"),
]
_FILM_COLUMNS = ["item_id", "title", "genres", "year", "runtime", "director", "language", "country"]

_SHOP = [
    ("s01", "Harbour coat", "Coat", "Dark Blue", "Nordlys", 129.0, "Wool", "Solid", "Women"),
    ("s02", "Garden dress", "Dress", "Red", "Maren", 59.9, "Cotton", "Floral", "Women"),
    ("s03", "Ridge trousers", "Trousers", "Black", "Velo", 45.0, "Cotton", "Solid", "Men"),
    ("s04", "Easy tee", "T-shirt", "White", "Maren", 12.5, "Cotton", "Striped", "Kids"),
    ("s05", "Fisher jumper", "Sweater", "Light Grey", "Nordlys", 79.0, "Wool", "Striped", "Men"),
    ("s06", "City sneakers", "Sneakers", "White", "Velo", 89.0, "Leather", "Solid", "Women"),
    ("s07", "Picnic skirt", "Skirt", "Green", "Maren", 39.0, "Linen", "Checked", "Women"),
    ("s08", "Market bag", "Bag", "Beige", "Oakline", 24.0, "Linen", "Solid", "Women"),
    ("s09", "Rain jacket", "Jacket", "Blue", "Velo", 99.0, "Polyester", "Solid", "Kids"),
    ("s10", "Opera dress", "Dress", "Black", "Oakline", 149.0, "Polyester", "Solid", "Women"),
    ("s11", "Beach shorts", "Shorts", "Light Pink", "Velo", 19.0, "Linen", "Floral", "Men"),
    ("s12", "Wool cap", "Hat", "Dark Red", "Nordlys", 29.0, "Wool", "Checked", "Men"),
]
_SHOP_COLUMNS = ["item_id", "title", "category", "colour", "brand", "price", "material", "pattern", "section"]

_SHOP_ZH = [
    ("c01", "山与川 云雀系列外套", "外套", "红色", "山与川", 189.0, "羊毛", "女"),
    ("c02", "北岸 回声系列连衣裙", "连衣裙", "深蓝色", "北岸", 259.0, "亚麻", "女"),
    ("c03", "木言 星轨系列裤子", "裤子", "黑色", "木言", 119.0, "纯棉", "男"),
    ("c04", "拾野 小圆系列毛衣", "毛衣", "灰色", "拾野", 329.0, "羊毛", "男"),
    ("c05", "北岸 风帆系列运动鞋", "运动鞋", "白色", "北岸", 399.0, "真皮", "女"),
    ("c06", "木言 露娜系列双肩包", "双肩包", "绿色", "木言", 149.0, "尼龙", "男"),
    ("c07", "拾野 微光系列台灯", "台灯", "黄色", "拾野", 99.0, "陶瓷", "家居"),
    ("c08", "山与川 可可系列茶壶", "茶壶", "白色", "山与川", 139.0, "陶瓷", "家居"),
    ("c09", "北岸 米洛系列帽子", "帽子", "红色", "北岸", 69.0, "纯棉", "儿童"),
    ("c10", "木言 知音系列耳机", "耳机", "黑色", "木言", 499.0, "尼龙", "家居"),
    ("c11", "拾野 环线系列衬衫", "衬衫", "浅粉色", "拾野", 159.0, "亚麻", "女"),
    ("c12", "山与川 序曲系列毛毯", "毛毯", "蓝色", "山与川", 219.0, "羊毛", "家居"),
]
_SHOP_ZH_COLUMNS = ["item_id", "title", "category", "colour", "brand", "price", "material", "section"]

_FILMS_ZH = [
    ("m01", "铁港 (1996)", "动作|惊悚", "1996", "118 分钟", "沈知远", "中国"),
    ("m02", "玻璃果园 (2004)", "剧情|爱情", "2004", "104 分钟", "林若谷", "法国"),
    ("m03", "午夜电车 (1988)", "恐怖|悬疑", "1988", "92 分钟", "周以安", "日本"),
    ("m04", "纸月亮 (2011)", "动画|奇幻", "2011", "88 分钟", "顾南风", "日本"),
    ("m05", "两只左脚 (1999)", "喜剧|歌舞", "1999", "97 分钟", "沈知远", "英国"),
    ("m06", "深红电波 (2016)", "科幻|恐怖", "2016", "121 分钟", "周以安", "美国"),
    ("m07", "最后的养蜂人 (2019)", "纪录片", "2019", "84 分钟", "林若谷", "法国"),
    ("m08", "盐与雷 (1957)", "战争|剧情", "1957", "143 分钟", "顾南风", "英国"),
    ("m09", "山脊上的尘土 (1966)", "西部|冒险", "1966", "131 分钟", "沈知远", "美国"),
    ("m10", "七间静室 (1974)", "悬疑|犯罪", "1974", "110 分钟", "林若谷", "法国"),
    ("m11", "彗星季节 (1993)", "科幻|喜剧", "1993", "101 分钟", "周以安", "美国"),
    ("m12", "外婆的计划 (2007)", "喜剧|犯罪", "2007", "95 分钟", "顾南风", "中国"),
]
_FILMS_ZH_COLUMNS = ["item_id", "title", "genres", "year", "runtime", "director", "country"]

CATALOGUES = {
    "films": pl.DataFrame(_FILMS, schema=_FILM_COLUMNS, orient="row"),
    "shop": pl.DataFrame(_SHOP, schema=_SHOP_COLUMNS, orient="row"),
    "films_zh": pl.DataFrame(_FILMS_ZH, schema=_FILMS_ZH_COLUMNS, orient="row"),
    "shop_zh": pl.DataFrame(_SHOP_ZH, schema=_SHOP_ZH_COLUMNS, orient="row"),
}
SHOWN = 5
"""Items on the screen when an utterance is made: the first of its catalogue, in their order."""
