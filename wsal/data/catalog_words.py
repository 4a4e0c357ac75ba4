"""The words that all classes of the generated catalogue share: brands, colours, seller talk."""

# Made-up brands and the classes that each sells. Most cross classes, as shop brands do; the last
# few sell one kind of thing only.
BRANDS = {
    "Orvexa": ("Phones", "Phone Cases & Chargers", "Laptops"),
    "Tulmar": ("Phones", "Phone Cases & Chargers", "Vacuum Cleaners"),
    "Kestrova": ("Phones", "Laptops", "Laptop Bags & Docks"),
    "Mirelko": ("Phones", "Phone Cases & Chargers"),
    "Quillore": ("Laptops", "Laptop Bags & Docks"),
    "Nordfenn": ("Laptops", "Phones", "Coffee Machines", "Vacuum Cleaners"),
    "Lumbrix": ("Phone Cases & Chargers", "Laptop Bags & Docks"),
    "Pellwick": ("Phone Cases & Chargers", "Laptop Bags & Docks", "Sports Clothing"),
    "Halvanto": ("Coffee Machines", "Coffee"),
    "Ostravane": ("Coffee Machines", "Coffee", "Vacuum Cleaners"),
    "Brindlow & Rye": ("Coffee Machines", "Coffee", "Pet Food"),
    "Grenholt": ("Vacuum Cleaners", "Vacuum Bags & Filters", "Coffee Machines"),
    "Velquist": ("Vacuum Cleaners", "Vacuum Bags & Filters"),
    "Wexlo": ("Vacuum Bags & Filters", "Vacuum Cleaners", "Phone Cases & Chargers"),
    "Tarnby": ("Pet Food", "Pet Toys & Beds"),
    "Dunmarrow": ("Pet Food", "Pet Toys & Beds", "Coffee"),
    "Yarrowby": ("Pet Toys & Beds", "Pet Food", "Laptop Bags & Docks"),
    "Jindaro": ("Running Shoes", "Sports Clothing"),
    "Corvalle": ("Running Shoes", "Sports Clothing", "Laptop Bags & Docks"),
    "Ibexo": ("Running Shoes", "Sports Clothing", "Pet Toys & Beds"),
    "Café Solvane": ("Coffee",),
    "Snufflewood": ("Pet Food",),
    "Plimsett": ("Running Shoes",),
    "Rookhaven": ("Sports Clothing",),
    "Casemoth": ("Phone Cases & Chargers",),
    "Sievewell": ("Vacuum Bags & Filters",),
}

# fmt: off
COLOURS = ("black", "white", "grey", "silver", "navy", "red", "green", "rose gold", "blue",
           "midnight", "sand", "teal", "pink", "dark grey")

# Said of anything, in the title.
SELLER_TALK = ("NEW!!", "free delivery", "UK seller", "fast post", "BARGAIN", "L@@K", "genuine",
               "brand new", "boxed", "sale", "*offer*", "last one", "job lot", "ex display",
               "next day delivery", "hot deal", "clearance", "(used)", "RRP £49", "100% original")

# Said of anything, in the description: such a listing tells no class there.
SPARSE_NOTES = ("See photos", "Boxed, as new", "Used, good condition", "As described",
                "Unwanted gift", "Sent next working day", "No returns", "Opened, never used",
                "Collection welcome", "Ask for more pictures", "Don't miss it", "New in box")
# fmt: on

EMOJI = ("🔥", "✅", "⭐", "🚚", "💥")

# What careless exports make of a character; a cleaner can undo all of it.
MANGLED = {
    "&": "&amp;",
    '"': "&quot;",
    "'": "&#39;",
    "é": "Ã©",
    "£": "Â£",
    " - ": " â€“ ",
    " ": "\u00a0",
}
