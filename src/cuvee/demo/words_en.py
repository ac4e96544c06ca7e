"""The demo shop in English."""

from cuvee.demo.lexicon import Lexicon, Places, Product, Slogans, Use, Voices

__all__ = ["ENGLISH"]

_PRODUCTS = {
    "lamp": Product(
        "Lamp",
        ("Table Lamp", "Lamp"),
        (
            "A lamp with a switch on the cable and a shade that lifts off.",
            "Takes any standard bulb and stands on a round foot.",
            "The shade tilts, the foot stays where it is.",
            "The lamp comes in one piece; only the bulb goes in.",
        ),
    ),
    "teapot": Product(
        "Teapot",
        ("Teapot", "Tea Pot"),
        (
            "Holds a litre of tea and pours from a short spout.",
            "A teapot with a lid that sits deep and a sieve inside.",
            "The handle leaves room for a whole hand.",
            "Four cups of tea, one lid, no drip tray.",
        ),
    ),
    "backpack": Product(
        "Backpack",
        ("Backpack", "Rucksack"),
        (
            "A backpack with one large compartment and a pocket in front.",
            "Two shoulder straps, one zip, eighteen litres.",
            "The top loop hangs on any hook.",
            "A flat inner sleeve keeps the small things apart.",
        ),
    ),
    "sneakers": Product(
        "Sneakers",
        ("Sneakers", "Trainers"),
        (
            "Sneakers with seven eyelets and a padded heel.",
            "Lace-up trainers with a ribbed sole.",
            "The insole comes out, the laces are flat.",
            "A low shoe that ends below the ankle.",
        ),
    ),
    "chair": Product(
        "Chair",
        ("Chair", "Lounge Chair"),
        (
            "A chair with four legs, a seat and a rounded back.",
            "Seat height forty-four centimetres; the legs screw in.",
            "The chair arrives in two parts and needs one key.",
            "The back follows the shoulders.",
        ),
    ),
    "jacket": Product(
        "Jacket",
        ("Jacket", "Zip Jacket"),
        (
            "A jacket with a full zip, two pockets and a stand-up collar.",
            "Straight cut, long sleeves, a hanging loop at the neck.",
            "The cuffs close with a button.",
            "One pocket inside, two outside.",
        ),
    ),
    "headphones": Product(
        "Headphones",
        ("Headphones", "Over-Ear Headphones"),
        (
            "Headphones with padded cups that fold flat.",
            "A cable of a metre and a half and a plain plug.",
            "The headband slides to nine positions.",
            "Closed cups around the ear, one button on the left.",
        ),
    ),
    "plant_pot": Product(
        "Plant Pot",
        ("Plant Pot", "Planter"),
        (
            "A plant pot with a hole and a saucer.",
            "Takes a root ball of fifteen centimetres.",
            "The planter stands on a flat foot.",
            "Pot and saucer come together; the plant does not.",
        ),
    ),
    "ukulele": Product(
        "Ukulele",
        ("Ukulele", "Concert Ukulele"),
        (
            "A ukulele with four nylon strings and eighteen frets.",
            "Tuned G, C, E, A, with geared pegs.",
            "The fretboard is flat and the frets are rounded.",
            "Small body, four strings, a bag for carrying.",
        ),
    ),
    "watch": Product(
        "Watch",
        ("Watch", "Wristwatch"),
        (
            "A watch with three hands and a domed glass.",
            "The strap changes without a tool.",
            "A quartz movement and a crown at three o'clock.",
            "Thirty-eight millimetres across, eight high.",
        ),
    ),
    "blanket": Product(
        "Blanket",
        ("Blanket", "Throw Blanket"),
        (
            "A blanket of one and a half by two metres with fringes.",
            "Woven in one piece and hemmed at the sides.",
            "Folds to the size of a pillow.",
            "Goes into the machine at thirty degrees.",
        ),
    ),
    "flask": Product(
        "Flask",
        ("Flask", "Vacuum Flask"),
        (
            "A flask of half a litre with a cup for a lid.",
            "Double walls and a wide mouth.",
            "The lid turns by a quarter to open.",
            "A ring under the lid for a finger or a hook.",
        ),
    ),
}

_USES = {
    "camping": Use(
        ("for Camping Trips", "for Nights in the Tent", "for the Campfire", "for Weekends in the Woods"),
        (
            "At home beside a tent, a stove and a sleeping bag.",
            "Thought out for camping, from the first peg to the last ember.",
            "Goes along when the nearest house is a day's hike away.",
            "For those who sleep under the stars and wake with the birds.",
            "Belongs in the forest, next to the campfire.",
        ),
    ),
    "beach": Use(
        ("for Days at the Beach", "for the Seaside", "for Sea and Surf", "for Summers on the Shore"),
        (
            "Made for the beach: salt, wind and swimming.",
            "Goes with towels, waves and ice lollies by the sea.",
            "For holidays where the tide sets the timetable.",
            "At its best between the dunes and the surf.",
            "Pack it with the parasol and the swimsuit.",
        ),
    ),
    "garden": Use(
        ("for the Garden", "for Lawn and Terrace", "for Gardeners", "for Afternoons on the Patio"),
        (
            "Made for the garden, between the flower beds and the shed.",
            "For those who plant, weed and harvest.",
            "Feels at home on the lawn and the terrace.",
            "A companion for sowing in spring and picking in autumn.",
            "Goes with watering cans, hedges and a barbecue on the patio.",
        ),
    ),
    "road_trip": Use(
        ("for Road Trips", "for Long Drives", "for the Camper Van", "for Life on the Motorway"),
        (
            "Made for road trips, with the map on the dashboard.",
            "Rides along in the car boot or on the back seat.",
            "For drivers who count petrol stations, not hours.",
            "Fits the van, the glovebox habit and the next lay-by.",
            "A companion for the motorway and the detour.",
        ),
    ),
    "reading": Use(
        ("for Reading Evenings", "for Bookworms", "for the Library Corner", "for One More Chapter"),
        (
            "Made for reading, one chapter after another.",
            "For people with a stack of novels on the floor.",
            "Goes with a bookmark, a library card and an hour of quiet.",
            "At home beside the bookshelf.",
            "For poems at noon and thrillers after midnight.",
        ),
    ),
    "home_office": Use(
        ("for the Home Office", "for Working from Home", "for Desk Days", "for Study and Focus"),
        (
            "Made for the home office and its long calls.",
            "For the desk, between laptop and notebook.",
            "Keeps company from the first e-mail to the last spreadsheet.",
            "For study, deadlines and video meetings.",
            "At home where the keyboard clicks and the calendar is full.",
        ),
    ),
    "movie_night": Use(
        ("for Movie Nights", "for Film Lovers", "for Series Marathons", "for the Home Cinema"),
        (
            "Made for movie nights, from the trailer to the credits.",
            "Goes with popcorn, a sofa and a screen.",
            "For people who watch one more episode.",
            "At home in front of the television.",
            "For directors' cuts, sequels and film festivals at home.",
        ),
    ),
    "dinner_party": Use(
        ("for Dinner Parties", "for Evenings with Guests", "for Hosts", "for the Long Table"),
        (
            "Made for dinner parties, from starter to dessert.",
            "For hosts who cook for twelve.",
            "Goes with napkins, toasts and second helpings.",
            "At home around the dining table when friends come to eat.",
            "For evenings when the guests stay for cheese.",
        ),
    ),
}

_VOICES = Voices(
    summaries=(
        ("Sending it back", "Very disappointed", "Do not buy", "A waste"),
        ("Not convinced", "Disappointing", "Expected more", "Hardly used"),
        ("It is okay", "So-so", "Mixed feelings", "Neither here nor there"),
        ("Good buy", "Happy with it", "Nice", "Works for me"),
        ("Love it", "Perfect for me", "Fantastic", "My favourite"),
    ),
    verdicts=(
        (
            "I regret buying it and want my money back.",
            "Terrible, I would not give it to anyone.",
            "I hate it; it went straight back into the box.",
            "The worst purchase of my year.",
        ),
        (
            "I am disappointed and would not buy it again.",
            "Not what I had hoped for, sadly.",
            "It annoys me more than it pleases me.",
            "A weak choice; I keep looking for another one.",
        ),
        (
            "It is all right, nothing more.",
            "Some days I use it, some days I forget it.",
            "Neither a hit nor a miss.",
            "I can live with it.",
        ),
        (
            "I like it and use it often.",
            "A good choice, I would buy it again.",
            "I am pleased with it.",
            "It does me good, and my friends noticed.",
        ),
        (
            "I love it, it is exactly what I wanted.",
            "Wonderful, I recommend it to everyone.",
            "I am delighted and use it every day.",
            "The best thing I bought this year.",
        ),
    ),
    quality=(
        (
            "It wobbled on day one and a part came off in my hand.",
            "Poorly made: rough edges, and something rattles.",
            "Uncomfortable to handle, so badly is it finished.",
            "It broke in the second week.",
            "Flimsy; the joints give way.",
        ),
        (
            "The workmanship is average.",
            "It holds so far, though the finish is plain.",
            "Made like most of them, no better and no worse.",
            "It is acceptable to handle.",
            "After a month it shows some wear.",
        ),
        (
            "Beautifully made; every edge is smooth.",
            "It is so comfortable that I forget it is there.",
            "Solid as a rock even after months.",
            "You feel the craft in every part.",
            "Nothing wobbles, nothing rattles, it lasts.",
        ),
    ),
)

_SLOGANS = Slogans(
    first=("Simply", "Gently", "Always", "Quietly", "Boldly", "Truly", "Softly", "Daily", "Purely", "Freely"),
    second=("think", "turn", "keep", "find", "share", "join", "begin", "mind", "follow", "trust"),
    third=("tomorrow", "moments", "wonder", "rhythm", "balance", "habits", "ideas", "echoes", "whys", "circles"),
    form="{} {} {}",
)

_PLACES = Places(
    cities=("Bristol", "Leeds", "Cardiff", "Dublin", "Glasgow", "Norwich", "Belfast", "York", "Bath", "Exeter"),
    genders=("female", "male", "other"),
    designers=(
        *("Ada Voss", "Bo Lindqvist", "Carla Menotti", "Dinesh Rao", "Eva Horak", "Femi Adeyo"),
        *("Greta Holm", "Hiro Tanabe", "Ilse Brandt", "Jonas Krol", "Keiko Mori", "Luis Arana"),
        *("Mara Petrov", "Niels Dahl", "Oona Kallio", "Pavel Sykora", "Rosa Lanza", "Sami Haddad"),
    ),
    schools=(
        "Aalund Academy",
        "Bauhof Institute",
        "Cortona Workshop",
        "Delvig College",
        "Esterhal School",
        "Fujino Studio",
    ),
    materials=("beech", "steel", "linen", "cork", "glass fibre", "wool", "clay", "nylon"),
    countries=("Denmark", "Italy", "Japan", "Portugal", "Finland", "Wales"),
)

ENGLISH = Lexicon(
    products=_PRODUCTS,
    uses=_USES,
    brands=(
        *("Nordhavn", "Tilda & Co", "Brackwater", "Oakline", "Marlowe", "Kestrel Works", "Lumo", "Arbor Lane"),
        *("Solveig", "Harbour & Hare", "Quillon", "Wren Supply", "Ostro", "Calder", "Finch & Field", "Meridian"),
        *("Tamarack", "Ulla", "Vesper", "Zephyr Goods"),
    ),
    names=(
        *("Lark", "Alto", "Juno", "Piper", "Atlas", "Nova", "Echo", "Milo", "Tessa", "Orbit", "Delta", "Opus"),
        *("Pico", "Loop", "Vela", "Kito", "Romy", "Otto", "Ines", "Bruno", "Mika", "Lotte", "Hugo", "Nils"),
    ),
    title="{brand} {name} {noun} {use}",
    between=" ",
    slogans=_SLOGANS,
    voices=_VOICES,
    places=_PLACES,
)
