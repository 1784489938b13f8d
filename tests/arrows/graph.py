"""Circles in the arrows between files."""

from collections import defaultdict, deque, namedtuple

Circle = namedtuple("Circle", "files way")  # and the arrows of a short way round


def circles(crate):
    """Largest first. A file and the children of its module may take from each other: an arrow
    between the two counts only where the way back leaves that family."""
    arrows = defaultdict(dict)  # file -> {file: the first arrow}
    for arrow in crate.arrows:
        if arrow.target and arrow.target != arrow.file:
            arrows[arrow.file].setdefault(arrow.target, arrow)
    parents = crate.parents()
    kept = defaultdict(dict)
    for file, targets in arrows.items():
        for target, arrow in targets.items():
            parent = None
            if parents.get(target) == file:
                parent = file
            elif parents.get(file) == target:
                parent = target
            if parent is None or leaves(arrows, parents, parent, target, file):
                kept[file][target] = arrow
    found = [
        Circle(set(files), way_round(set(files), kept, parents))
        for files in components(kept)
        if len(files) > 1
    ]
    return sorted(found, key=lambda circle: (-len(circle.files), min(circle.files)))


def leaves(arrows, parents, parent, start, end):
    """Whether a way from `start` to `end` leaves the family of `parent`."""
    seen, queue = {(start, False)}, deque([(start, False)])
    while queue:
        file, outside = queue.popleft()
        for target in arrows[file] if file in arrows else ():
            away = outside or not (target == parent or parents.get(target) == parent)
            if target == end:
                if away:
                    return True
            elif target != start and (target, away) not in seen:
                seen.add((target, away))
                queue.append((target, away))
    return False


def components(arrows):
    """Strongly connected components (Kosaraju), without recursion."""
    nodes = set(arrows) | {target for targets in arrows.values() for target in targets}
    order, seen = [], set()
    for root in sorted(nodes):
        stack = [(root, iter(sorted(arrows.get(root, ()))))] if root not in seen else []
        seen.add(root)
        while stack:
            node, targets = stack[-1]
            target = next((each for each in targets if each not in seen), None)
            if target is None:
                order.append(node)
                stack.pop()
            else:
                seen.add(target)
                stack.append((target, iter(sorted(arrows.get(target, ())))))
    back = defaultdict(set)
    for node, targets in arrows.items():
        for target in targets:
            back[target].add(node)
    taken = set()
    for root in reversed(order):
        if root in taken:
            continue
        component, stack = [], [root]
        taken.add(root)
        while stack:
            node = stack.pop()
            component.append(node)
            fresh = back[node] - taken
            taken |= fresh
            stack.extend(fresh)
        yield component


def way_round(files, arrows, parents):
    """The arrows of a shortest circle that is not one of a file and the children of its module."""
    best = None
    for file in sorted(files):
        for target in sorted(arrows[file].keys() & files):
            way = [(file, target), *back(files, arrows, target, file)]
            ends = {end for end, _ in way}
            families = [{head, *(end for end in ends if parents.get(end) == head)} for head in ends]
            if ends not in families and (best is None or len(way) < len(best)):
                best = way
    return [arrows[file][target] for file, target in best]


def back(files, arrows, start, end):
    """The steps of a shortest way from `start` to `end`."""
    came, queue = {start: None}, deque([start])
    while end not in came:
        file = queue.popleft()
        for target in sorted(arrows[file].keys() & files - came.keys()):
            came[target] = file
            queue.append(target)
    steps = []
    while came[end] is not None:
        steps.append((came[end], end))
        end = came[end]
    return steps[::-1]
