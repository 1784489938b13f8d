"""The modules of a package, and what each of their names leads to."""

from collections import namedtuple
from dataclasses import dataclass, field

from reader import Reader, tokens

# `via`: the file of the module that the name is taken from; `target`: of the one that defines it.
Arrow = namedtuple("Arrow", "file line name via target machines")


@dataclass
class Module:
    file: str
    parent: "Module | None"
    test: bool
    folder: object  # where the files of its children are
    inline: bool = False
    children: dict = field(default_factory=dict)
    items: set = field(default_factory=set)
    imports: dict = field(default_factory=dict)  # name -> segments
    globs: list = field(default_factory=list)
    names: list = field(default_factory=list)


class Crate:
    """All modules of the package in `folder`, from its lib.rs down."""

    def __init__(self, root, folder):
        self.root, self.folder = root, folder
        self.modules, self.faults, self.arrows = [], [], []
        self.face = self.load(root / folder / "lib.rs", None, False, root / folder)
        self.find_lost_files()
        for module in self.modules:
            if not module.test:
                for name in module.names:
                    self.add_arrow(module, name)

    def files(self):
        return {module.file for module in self.modules if not module.test}

    def parents(self):
        """The file of the parent of each file's module."""
        return {
            module.file: module.parent.file
            for module in self.modules
            if module.parent and module.parent.file != module.file
        }

    def fault(self, module, line, what):
        if not module.test:
            self.faults.append(f"{module.file}:{line}: {what}")

    # --- finding ----------------------------------------------------------------------------------

    def load(self, path, parent, test, folder):
        module = Module(str(path.relative_to(self.root)), parent, test, folder)
        self.modules.append(module)
        Reader(self, module, tokens(path.read_text())).read()
        return module

    def nest(self, module, name, test):
        """`mod name { … }`."""
        child = Module(module.file, module, test, module.folder / name, inline=True)
        module.children[name] = child
        self.modules.append(child)
        return child

    def declare(self, module, name, line, test, given):
        """`mod name;`, with the path that it is given, if any."""
        if given:
            places = [(self.root / module.file).parent / given]
        else:
            places = [module.folder / f"{name}.rs", module.folder / name / "mod.rs"]
        place = next((place for place in places if place.exists()), None)
        if place is None:
            self.faults.append(f"{module.file}:{line}: there is no file for {name}")
            return
        # A mod.rs has its children beside it, and so has a file that a path leads to.
        beside = given or place.name == "mod.rs"
        folder = place.parent if beside else place.with_suffix("")
        module.children[name] = self.load(place, module, test, folder)

    def find_lost_files(self):
        """What no module reaches would go unseen."""
        base = self.root / self.folder
        known = {module.file for module in self.modules}
        others = {path.parent for path in base.rglob("Cargo.toml")} - {base}
        others |= {base / "benches", base / "tests"}
        for path in sorted(base.rglob("*.rs")):
            name = str(path.relative_to(self.root))
            if name not in known and not others & set(path.parents):
                self.faults.append(f"{name}: no module of {self.face.file} reaches it")

    # --- resolving --------------------------------------------------------------------------------

    def lookup(self, module, name, guard):
        """What a name is in a module: a Module, the file of an item, "" for what another crate has,
        None for what is not found."""
        if (id(module), name) in guard:
            return None
        guard = guard | {(id(module), name)}
        if name in module.children:
            return module.children[name]
        if name in module.items:
            return module.file
        if name in module.imports:
            return self.resolve(module, module.imports[name], guard)[1] or ""
        for segments in module.globs:
            origin = self.resolve(module, segments, guard)[1]
            if isinstance(origin, Module):
                found = self.lookup(origin, name, guard)
                if found is not None:
                    return found
        return None

    def resolve(self, module, segments, guard=frozenset()):
        """The module that a path takes its name from, and what that is: a Module or the file of an
        item; None and None for a path of another crate."""
        if segments[:2] == ["crate", "proto"]:
            return None, None
        at = {"crate": self.face, "self": module, "super": module.parent}.get(segments[0])
        if at is None:
            at = self.lookup(module, segments[0], guard)
            if not isinstance(at, Module):
                return (module, at) if at else (None, None)
        taken = at
        for name in segments[1:]:
            if name == "super":
                taken = at = at.parent
                continue
            taken, at = at, self.lookup(at, name, guard)
            if not isinstance(at, Module):
                # Another crate's, made by a macro, or unknown: it counts as the module's own.
                return taken, at or taken.file
        return taken, at

    def add_arrow(self, module, name):
        segments, written = name.segments, "::".join(name.segments)
        if segments[0] == "actix_rtc_proto" or segments[:2] == ["crate", "proto"]:
            self.arrows.append(Arrow(module.file, name.line, written, None, None, True))
            return
        if segments[-1] == "*":
            segments = segments[:-1]
        taken, found = self.resolve(module, segments)
        # What an imported item has counts where the item is imported.
        imported = segments[0] in module.imports and taken is module
        if taken is None or imported:
            return
        target, via = found, taken.file
        if isinstance(found, Module):
            target = found.file
            if not found.inline:
                via = target
        if {via, target} != {module.file}:
            self.arrows.append(Arrow(module.file, name.line, written, via, target, False))
