"""The classes of CamVid: names, colours, and the groups that make 11 of 32."""

import re
from pathlib import Path

COLOURS = "label_colors.txt"
VOID = "Void"
# The class's colour in hexadecimal, in the order of the official file.
_TABLE = {
    "Animal": "408040",
    "Archway": "c00080",
    "Bicyclist": "0080c0",
    "Bridge": "008040",
    "Building": "800000",
    "Car": "400080",
    "CartLuggagePram": "4000c0",
    "Child": "c08040",
    "Column_Pole": "c0c080",
    "Fence": "404080",
    "LaneMkgsDriv": "8000c0",
    "LaneMkgsNonDriv": "c00040",
    "Misc_Text": "808040",
    "MotorcycleScooter": "c000c0",
    "OtherMoving": "804040",
    "ParkingBlock": "40c080",
    "Pedestrian": "404000",
    "Road": "804080",
    "RoadShoulder": "8080c0",
    "Sidewalk": "0000c0",
    "SignSymbol": "c08080",
    "Sky": "808080",
    "SUVPickupTruck": "4080c0",
    "TrafficCone": "000040",
    "TrafficLight": "004040",
    "Train": "c04080",
    "Tree": "808000",
    "Truck_Bus": "c080c0",
    "Tunnel": "400040",
    "VegetationMisc": "c0c000",
    "Void": "000000",
    "Wall": "40c000",
}
# The 11 classes of the literature, each with the official classes that it takes in.
GROUPS = {
    "Sky": ("Sky",),
    "Building": ("Building", "Archway", "Bridge", "Tunnel", "Wall"),
    "Pole": ("Column_Pole", "TrafficCone"),
    "Road": ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"),
    "Pavement": ("Sidewalk", "ParkingBlock", "RoadShoulder"),
    "Tree": ("Tree", "VegetationMisc"),
    "SignSymbol": ("SignSymbol", "Misc_Text", "TrafficLight"),
    "Fence": ("Fence",),
    "Car": ("Car", "OtherMoving", "SUVPickupTruck", "Train", "Truck_Bus"),
    "Pedestrian": ("Pedestrian", "Animal", "CartLuggagePram", "Child"),
    "Bicyclist": ("Bicyclist", "MotorcycleScooter"),
}


def read_table(path: Path) -> dict[str, int]:
    """Colour of every class, from lines as ``64 128 64  Animal``; without a file the known ones."""
    if not path.is_file():
        return {name: int(colour, 16) for name, colour in _TABLE.items()}
    table: dict[str, int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        found = re.fullmatch(r"\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s*", line)
        if not found or max(int(c) for c in found.groups()[:3]) > 255:
            raise ValueError(
                f"{path}: line {number} is not 'red green blue name': {line.strip()!r}"
            )
        red, green, blue = (int(c) for c in found.groups()[:3])
        colour, name = red << 16 | green << 8 | blue, found[4]
        if name in table or colour in table.values():
            raise ValueError(f"{path}: line {number} repeats a name or a colour: {line.strip()!r}")
        table[name] = colour
    if not table:
        raise ValueError(f"{path}: it lists no class")
    return table
