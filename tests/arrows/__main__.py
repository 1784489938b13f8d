"""Who takes names from whom, read from the code's own `use` lines and paths.

    python3 tests/arrows                the gate: fails on an arrow against the map of rooms
    python3 tests/arrows --circles      the circles of files, and how many files they have
    python3 tests/arrows --tree         each room of the map, and the rooms that it takes from
    python3 tests/arrows --root DIR …   of another tree

The map is the block fenced as `rooms` in CONTRIBUTING.md; how it is read stands there. Comments,
strings, and what is only there with cfg(test) are left out.
"""

import argparse
import pathlib
import re
import sys
from collections import defaultdict

from crate import Crate
from graph import circles


class Map:
    """The rooms of each package, from the top floor (0) down."""

    def __init__(self, text):
        self.packages = {}  # folder -> {room: floor}
        block = re.search(r"^```rooms\n(.*?)^```", text, re.S | re.M)
        rooms = None
        for line in block.group(1).splitlines() if block else []:
            words = re.split(r"\s{2,}", line.strip())[0].split()
            if words and not line.startswith(" "):
                rooms = self.packages.setdefault(words[0].rstrip("/"), {})
                floor = 0
            elif words:
                rooms.update((room, floor) for word in words for room in unfold(word))
                floor += 1

    def room(self, package, path):
        """The room of a file: the longest entry that is the file or a folder above it."""
        path = path.removeprefix(package + "/")
        rooms = self.packages[package]
        fits = [room for room in rooms if path == room or room[-1] == "/" and path.startswith(room)]
        return max(fits, key=len, default=None)


def unfold(word):
    """`a/{b,c}/` is `a/b/` and `a/c/`."""
    found = re.fullmatch(r"(.*)\{(.*)\}(.*)", word)
    if not found:
        return [word]
    return [found[1] + each + found[3] for each in found[2].split(",")]


class Gate:
    def __init__(self, root):
        self.root = root
        self.map = Map((root / "CONTRIBUTING.md").read_text())
        self.crates = {package: Crate(root, package) for package in self.map.packages}

    def breaches(self):
        if not self.crates:
            return ["CONTRIBUTING.md has no map of rooms (a block fenced as `rooms`)"]
        found = []
        for package, crate in self.crates.items():
            found += crate.faults
            found += self.unlike_the_map(package, crate)
            found += self.wrong_arrows(package, crate)
            found += [told(circle) for circle in circles(crate)]
        return found

    def unlike_the_map(self, package, crate):
        for room in self.map.packages[package]:
            if not (self.root / package / room).exists():
                yield f"CONTRIBUTING.md: there is no {package}/{room}"
        # A file that only declares modules may stand between the rooms.
        ends = {end for arrow in crate.arrows for end in (arrow.file, arrow.via, arrow.target)}
        for file in sorted(ends & crate.files()):
            if self.map.room(package, file) is None:
                yield f"{file} is in no room of the map"

    def wrong_arrows(self, package, crate):
        """Each pair of files once, with the first name."""
        found = defaultdict(list)
        for arrow in crate.arrows:
            for other, why in self.wrong(package, arrow):
                found[arrow.file, other, why].append(arrow)
        for (file, other, why), arrows in found.items():
            first = min(arrows, key=lambda arrow: arrow.line)
            source = f" from {other}" if other else ""
            more = f" (and {len(arrows) - 1} more)" if len(arrows) > 1 else ""
            yield f"{file}:{first.line} takes {first.name}{source}{more}: {why}"

    def wrong(self, package, arrow):
        """What is wrong with an arrow, each as the other file and the rule. Its file must be above
        the module that it takes the name from, and above the one that defines it."""
        face = f"{package}/lib.rs"
        if arrow.file == face:
            return
        if arrow.machines:
            yield None, "the machines are imported as `proto`"
        elif arrow.via == face:
            yield arrow.target, "nobody imports the face; its owner has it"
        else:
            for other in dict.fromkeys([arrow.via, arrow.target]):
                why = self.against_the_map(package, arrow.file, other)
                if why and other != arrow.file:
                    yield other, why

    def against_the_map(self, package, file, other):
        floors = self.map.packages[package]
        here, there = self.map.room(package, file), self.map.room(package, other)
        if None in (here, there) or here == there or floors[here] < floors[there]:
            return None
        if floors[here] == floors[there]:
            return f"{here} and {there} are siblings"
        return f"{here} is below {there}"

    def print_tree(self):
        for package, crate in self.crates.items():
            floors = {**self.map.packages[package], None: 99}
            takes, files = defaultdict(set), defaultdict(int)
            for file in crate.files():
                files[self.map.room(package, file)] += 1
            for arrow in crate.arrows:
                if arrow.target:
                    room = self.map.room(package, arrow.file)
                    takes[room].add(self.map.room(package, arrow.target))
            print(f"{package}: floor, room, files, what it takes from")
            for room in floors:
                below = sorted(takes[room] - {room}, key=lambda other: (floors[other], str(other)))
                names = " ".join(other or "(no room)" for other in below)
                print(f"{floors[room]:4} {room or '(no room)':22}{files[room]:4}  {names}".rstrip())

    def print_circles(self):
        for package, crate in self.crates.items():
            found = circles(crate)
            for circle in found:
                print(told(circle))
                print("".join(f"    {file}\n" for file in sorted(circle.files)), end="")
            count = " + ".join(str(len(circle.files)) for circle in found) or "0"
            print(f"{package}: {count} of {len(crate.files())} files are in circles")


def told(circle):
    """A circle by the shortest way round in it."""
    lines = [f"{len(circle.files)} files import each other in a circle, such as"]
    for arrow in circle.way:
        lines.append(f"    {arrow.file}:{arrow.line} takes {arrow.name} from {arrow.target}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parents[2])
    parser.add_argument("--circles", action="store_true")
    parser.add_argument("--tree", action="store_true")
    options = parser.parse_args()
    gate = Gate(options.root)
    if options.circles or options.tree:
        if options.circles:
            gate.print_circles()
        if options.tree:
            gate.print_tree()
        return 0
    breaches = gate.breaches()
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
