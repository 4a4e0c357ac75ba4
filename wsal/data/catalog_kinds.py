"""The product classes of the generated catalogue, as one table of hand-written words.

Every class has a neighbour that it is easily confused with: a device and what goes with it.
Brands, series and sentences are made up; the words about products are plain shop English.
"""

from typing import NamedTuple


class Kind(NamedTuple):
    """What listings of one class are made of.

    In `borrowed`, which are titles that speak of the neighbour, {noun} is a noun of this class
    and {series} a product series of the neighbour.
    """

    near: str
    """The class that it is confused with."""
    weight: float
    """How common it is, against the other classes."""
    nouns: tuple[str, ...]
    """What it is called, the usual names first: they come up more often."""
    traits: tuple[str, ...]
    specs: tuple[str, ...]
    """Sizes, amounts and powers."""
    series: tuple[str, ...]
    """Made-up product series, which tell the class to those who know them."""
    borrowed: tuple[str, ...]
    notes: tuple[str, ...]
    """Descriptions that tell something of the class."""


# Packed lines are easier to read here than a word a line.
# fmt: off
KINDS = {
    "Phones": Kind(
        near="Phone Cases & Chargers",
        weight=1.1,
        nouns=("smartphone", "mobile phone", "phone", "5G phone", "handset", "mobile",
               "flip phone", "big button mobile", "dual SIM phone", "keypad phone"),
        traits=("unlocked", "SIM free", "dual SIM", "refurbished", "rugged", "5G", "pay as you go",
                "triple camera", "OLED", "grade A"),
        specs=("64GB", "128GB", "256 GB", "6.1 inch", "6.7in", "48MP", "5000mAh", "8GB/256GB"),
        series=("Zeno", "Calypt", "Orlith", "Fennix", "Tivra", "Rune"),
        borrowed=("{noun} with free case", "{noun} + 20W charger", "{noun} & clear cover",
                  "{noun} no charger or cable", "{noun}, case and screen protector"),
        notes=("Works on every network", "Bright screen and all-day battery",
               "Night camera, face unlock", "Comes unlocked in its box", "Screen has a scratch",
               "Calls and texts, loud ringer", "Battery health 91%", "Storage can be expanded"),
    ),
    "Phone Cases & Chargers": Kind(
        near="Phones",
        weight=1.1,
        nouns=("case", "phone cover", "fast charger", "screen protector", "charging cable",
               "wallet case", "power bank", "bumper", "flip cover", "wireless pad", "car mount",
               "plug adapter"),
        traits=("shockproof", "clear", "magnetic", "wireless", "braided", "slim", "leather",
                "tempered glass", "USB-C", "with stand"),
        specs=("20W", "1m", "2 m", "10000mAh", "3 pack", "6.1 inch", "6.7in", "65W"),
        series=("Clasp", "Gripwell", "Voltie", "Hushel", "Skinlo"),
        borrowed=("{noun} for {series} smartphone", "{series} phone {noun}",
                  "{noun} fits {series} mobile", "{series} handset {noun}",
                  "{noun} for mobile phone"),
        notes=("Raised edges guard the camera", "Charges half in thirty minutes",
               "Slips on, all ports open", "Card slots inside", "Fits most 6 inch screens",
               "Plug and lead included", "Drop tested, soft lining", "Phone not included"),
    ),
    "Laptops": Kind(
        near="Laptop Bags & Docks",
        weight=1.0,
        nouns=("laptop", "notebook", "gaming laptop", "notebook PC", "student laptop",
               "2-in-1", "thin laptop", "workstation", "netbook"),
        traits=("backlit keyboard", "touchscreen", "refurbished", "quad core", "lightweight",
                "metal body", "full HD", "UK keyboard", "fanless"),
        specs=("8GB RAM", "16GB/512GB", "14 inch", '15.6"', "512GB SSD", "1TB", "13.3in", "144Hz"),
        series=("Pellar", "Vantry", "Quire", "Obelin", "Nimbra", "Stratus"),
        borrowed=("{noun} with sleeve", "{noun} + docking station", "{noun} inc. bag and mouse",
                  "{noun} & backpack", "{noun} with {series} dock"),
        notes=("Long battery for study and travel", "Fresh install, ready to use",
               "Fast start and quiet fan", "Keys show some shine", "Graphics card for games",
               "Webcam and two USB ports", "Lid has a small dent", "Memory can be upgraded"),
    ),
    "Laptop Bags & Docks": Kind(
        near="Laptops",
        weight=0.9,
        nouns=("laptop bag", "sleeve", "docking station", "backpack", "USB hub", "briefcase",
               "carry case", "dock", "laptop stand", "messenger bag", "port replicator"),
        traits=("padded", "water resistant", "slim", "dual display", "felt", "leather", "USB-C",
                "with shoulder strap", "aluminium"),
        specs=("14 inch", '15.6"', "13-14in", "7 port", "100W", "20L", "17 inch", "4K 60Hz"),
        series=("Haul", "Portway", "Tetherly", "Satchet", "Moor"),
        borrowed=("{noun} for {series} laptop", "{series} notebook {noun}",
                  "{noun} for 14 inch laptop", "{series} {noun} notebook PC",
                  "student laptop {noun}"),
        notes=("Pocket for cables and mouse", "One lead to two screens", "Soft lining, strong zip",
               "Power, network and video in one", "Fits under a plane seat",
               "Computer not included", "Folds flat for the desk", "Straps can be tucked away"),
    ),
    "Coffee Machines": Kind(
        near="Coffee",
        weight=0.9,
        nouns=("coffee machine", "espresso machine", "coffee maker", "bean to cup machine",
               "pod machine", "percolator", "moka pot", "filter brewer", "cafetiere",
               "capsule maker"),
        traits=("15 bar", "automatic", "programmable", "stainless steel", "compact",
                "with milk frother", "with grinder", "touch control", "retro"),
        specs=("1.2L", "1450W", "10 cup", "2 litre tank", "19 bar", "600ml", "6 cup"),
        series=("Bravello", "Cremona", "Alvero", "Duetto", "Kavindo"),
        borrowed=("{noun} with 250g coffee beans", "{noun} + 40 pods", "{noun} for ground coffee",
                  "{noun} inc. capsules", "{noun} & {series} espresso beans"),
        notes=("Drip tray lifts out to wash", "Heats up in thirty seconds",
               "Keeps the jug warm", "Steam wand and cup shelf", "Needs descaling",
               "Timer for the morning", "Small leak at the tank", "Two cups at one touch"),
    ),
    "Coffee": Kind(
        near="Coffee Machines",
        weight=1.0,
        nouns=("coffee beans", "ground coffee", "espresso beans", "coffee pods", "capsules",
               "instant coffee", "house blend", "filter roast", "single origin", "coffee bags",
               "cold brew"),
        traits=("dark roast", "medium roast", "arabica", "organic", "decaf", "strength 4",
                "smoky", "fair trade", "smooth"),
        specs=("250g", "1kg", "500 g", "40 pack", "100 pods", "6 x 227g", "10 cups"),
        series=("Sunrise", "Old Quay", "Monte Luz", "Cinder Hill", "Night Shift"),
        borrowed=("{noun} for {series} machine", "{noun} for espresso machine",
                  "{series} coffee maker {noun}", "bean to cup {noun}", "{noun} for cafetiere"),
        notes=("Notes of cocoa and hazelnut", "Roasted fresh each week", "Full body, low acid",
               "Use within a month of opening", "Bright and fruity cup", "Best before next spring",
               "Fits most pod systems", "Rich crema"),
    ),
    "Vacuum Cleaners": Kind(
        near="Vacuum Bags & Filters",
        weight=0.9,
        nouns=("vacuum cleaner", "cordless vacuum", "stick vac", "robot vacuum",
               "upright vacuum", "handheld vac", "cylinder cleaner", "wet and dry vac",
               "carpet cleaner", "vacuum"),
        traits=("bagless", "bagged", "HEPA", "pet hair", "quiet", "2 in 1", "lightweight",
                "multi surface", "self emptying"),
        specs=("700W", "2.5L", "22V", "40 min", "0.6L bin", "10 m reach", "1200 W"),
        series=("Zephro", "Gustav", "Whirla", "Tundra", "Siroc"),
        borrowed=("{noun} with 5 bags", "{noun} + spare filter", "{noun} inc. HEPA filter",
                  "{noun} & dust bags", "{noun} no bags needed"),
        notes=("Strong pull on rugs and floors", "Docks and charges by itself",
               "Light to carry on stairs", "Cable winds back", "Empties at one click",
               "Picks up pet hair", "Bin clip is cracked", "Brush head and crevice tool"),
    ),
    "Vacuum Bags & Filters": Kind(
        near="Vacuum Cleaners",
        weight=0.9,
        nouns=("vacuum bags", "dust bags", "HEPA filter", "filter set", "replacement filter",
               "cleaner bags", "motor filter", "foam pad", "paper bags", "brush roll",
               "exhaust grille"),
        traits=("washable", "compatible", "replacement", "microfibre", "anti allergy", "spare",
                "genuine", "HEPA", "pet hair"),
        specs=("pack of 5", "10 pack", "x4", "2 pcs", "set of 3", "12 cm", "type G"),
        series=("Dustlok", "Purevane", "Sievo", "Airmend"),
        borrowed=("{noun} for {series} vacuum cleaner", "{series} cordless vacuum {noun}",
                  "{noun} fits {series} vac", "{series} upright vacuum {noun}",
                  "{noun} for robot vacuum"),
        notes=("Change every three months", "Rinse and leave to dry", "Card collar seals tight",
               "Check the model before you buy", "Holds fine dust and pollen",
               "Push in until it clicks", "Restores suction", "Fits bagged models"),
    ),
    "Pet Food": Kind(
        near="Pet Toys & Beds",
        weight=1.1,
        nouns=("dry dog food", "cat food pouches", "puppy kibble", "dog treats", "wet cat food",
               "kitten biscuits", "dental chews", "meat sticks", "bird seed", "training bites"),
        traits=("grain free", "chicken", "salmon", "senior", "adult", "sensitive", "small breed",
                "natural", "beef"),
        specs=("2kg", "12kg", "12 x 85g", "400 g", "40 pouches", "15 kg", "pack of 6"),
        series=("Bramble", "Wagtail", "Meadow", "Tuppy", "Hearth"),
        borrowed=("{noun} with free bowl", "{noun} + rope toy", "{noun} for treat ball",
                  "{noun} chew toy filler", "{noun} & {series} ball"),
        notes=("Complete meal with vitamins", "Feed twice a day", "With rice and vegetables",
               "Keeps teeth clean", "No added sugar", "Picky eaters love it",
               "Resealable sack", "Made with real meat"),
    ),
    "Pet Toys & Beds": Kind(
        near="Pet Food",
        weight=0.9,
        nouns=("dog bed", "chew toy", "squeaky toy", "cat scratcher", "rope tug", "pet blanket",
               "treat ball", "puppy crate mat", "slow feeder bowl", "feather wand", "cat tunnel"),
        traits=("washable", "plush", "tough", "small breed", "orthopaedic", "natural", "puppy",
                "interactive", "beef flavour"),
        specs=("60 cm", "large", "medium", "3 pack", "S", "90x70cm", "pack of 6"),
        series=("Tumbles", "Snoozle", "Romper", "Nib", "Cosi"),
        borrowed=("{noun} for dog treats", "{noun} with cat food pouch", "{noun} for kibble",
                  "{series} dry food {noun}", "{noun} + bag of biscuits"),
        notes=("Soft sides, non-slip base", "Hours of play indoors", "Cover comes off to wash",
               "For strong chewers", "Squeaker inside", "Hide snacks in the holes",
               "Claws stay off the sofa", "Floats in water"),
    ),
    "Running Shoes": Kind(
        near="Sports Clothing",
        weight=1.1,
        nouns=("running shoes", "trainers", "trail shoes", "sneakers", "gym shoes",
               "racing flats", "road runners", "track spikes", "walking shoes"),
        traits=("mens", "womens", "cushioned", "breathable", "lightweight", "wide fit",
                "waterproof", "kids", "reflective"),
        specs=("UK 9", "size 7.5", "EU 42", "UK 5.5", "size 11", "8 mm drop", "UK 10"),
        series=("Strive", "Cadenza", "Foxtrail", "Mileo", "Harrier"),
        borrowed=("{noun} with free socks", "{noun} and shorts set", "{noun} + {series} socks",
                  "{noun} & running vest", "{noun} match {series} jacket"),
        notes=("Springy foam for long miles", "Grips on mud and rock", "Worn twice, clean soles",
               "Knit upper, padded heel", "Laces hold firm", "Come up half a size small",
               "Good arch support", "Removable insole"),
    ),
    "Sports Clothing": Kind(
        near="Running Shoes",
        weight=1.0,
        nouns=("leggings", "running shorts", "sports bra", "running socks", "training top",
               "track jacket", "base layer", "hoodie", "running vest", "compression tights",
               "joggers", "gilet"),
        traits=("mens", "womens", "high waist", "breathable", "lightweight", "quick dry",
                "waterproof", "kids", "reflective"),
        specs=("size M", "XL", "UK 12", "3 pairs", "size 10", "S/M", "UK 9-11"),
        series=("Aerith", "Pacer", "Lithe", "Summitry", "Breeze"),
        borrowed=("{noun} for running shoes", "trainer {noun}", "{noun} to match {series} trainers",
                  "trail running {noun}", "{noun} with shoe bag"),
        notes=("Wicks sweat, flat seams", "Zip pocket for a key", "Stretchy waistband",
               "Runs small, size up", "Thumb holes and long back", "Wash at thirty degrees",
               "Worn once at a race", "Mesh panels keep you cool"),
    ),
}
