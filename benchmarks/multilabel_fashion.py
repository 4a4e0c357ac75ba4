"""Keywords for labels of five columns of the Fashion set, written from the labels' names alone."""

COLUMNS = {
    "gender": {
        "Men": "men, mens, man, gents, him",
        "Women": "women, womens, woman, ladies, her",
        "Unisex": "unisex",
        "Boys": "boys, boy, kids, kid",
        "Girls": "girls, girl, kids, kid",
    },
    "season": {
        "Summer": "summer, shorts, sandal, sandals, sunglasses, tshirt, t-shirt, flip flops, tank",
        "Fall": "fall, autumn, long sleeve, jeans, shirt",
        "Winter": "winter, sweater, jacket, sweatshirt, wool, woollen, thermal, watch",
        "Spring": "spring, perfume, deodorant, floral",
    },
    "usage": {
        "Casual": "casual, jeans, tshirt, t-shirt, canvas, printed",
        "Sports": "sports, sport, running, training, football, cricket, tennis, basketball, gym",
        "Ethnic": "ethnic, kurta, kurtas, kurti, saree, sari, dupatta, salwar, churidar",
        "Formal": "formal, suit, tie, blazer, oxford, business",
    },
    "colour": {
        "Black": "black",
        "White": "white",
        "Blue": "blue",
        "Brown": "brown, tan",
        "Grey": "grey, gray, charcoal",
        "Red": "red",
        "Green": "green, olive",
        "Pink": "pink",
        "Navy Blue": "navy, navy blue",
        "Purple": "purple, violet",
        "Silver": "silver, steel",
        "Yellow": "yellow",
        "Beige": "beige, cream",
        "Gold": "gold, golden",
        "Maroon": "maroon",
        "Orange": "orange",
    },
    "sub_category": {
        "Topwear": "shirt, tshirt, t-shirt, top, tops, kurta, sweater, jacket, polo, tunic",
        "Shoes": "shoe, shoes, heels, sneakers, boots",
        "Bags": "bag, handbag, backpack, clutch, tote",
        "Bottomwear": "jeans, trousers, shorts, skirt, leggings, track pants, capris",
        "Watches": "watch, watches",
        "Innerwear": "bra, brief, briefs, boxer, vest, innerwear, trunk",
        "Jewellery": "necklace, earrings, ring, bracelet, pendant, bangle, jewellery",
        "Eyewear": "sunglasses, glasses, frame",
        "Fragrance": "perfume, deodorant, fragrance, eau",
        "Sandal": "sandal, sandals",
        "Wallets": "wallet, wallets",
        "Flip Flops": "flip flop, flip flops, slippers",
        "Belts": "belt, belts",
        "Socks": "sock, socks",
        "Dress": "dress, dresses",
        "Lips": "lipstick, lip gloss, lip",
        "Headwear": "cap, caps, hat",
        "Saree": "saree, sari",
    },
}
"""Column -> value -> keywords. A label is `COLUMN: VALUE`."""
LABELS = {
    f"{column}: {value}": words for column, own in COLUMNS.items() for value, words in own.items()
}
"""Label -> keywords."""
