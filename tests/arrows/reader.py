"""Just enough of Rust's syntax: what a file declares, defines and imports, and every path in it."""

import re
from collections import namedtuple

TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<comment>/\*)
      | (?P<string>(?:b|c)?"(?:[^"\\]|\\.)*")
      | (?P<raw>(?:b|c)?r(?P<hashes>\#*)".*?"(?P=hashes)(?!\#))
      | (?P<char>b?'(?:[^'\\]|\\(?:u\{[^}]*\}|x..|.))')
      | (?P<lifetime>'\w+)
      | (?P<word>(?:r\#)?[A-Za-z_]\w*)
      | (?P<number>\d\w*)
      | (?P<mark>::|=>|->|.)""",
    re.S | re.X,
)
CLOSE = {"(": ")", "[": "]", "{": "}"}
DEFINES = {"fn", "struct", "enum", "union", "trait", "type", "const", "static"}
ITEMS = DEFINES | {"use", "impl", "macro_rules", "unsafe", "async", "extern", "let"}

Token = namedtuple("Token", "kind text line")
Name = namedtuple("Name", "segments line")  # a path as it is written


def tokens(text):
    found, at, line = [], 0, 1
    while at < len(text):
        match = TOKEN.match(text, at)
        kind, end = match.lastgroup, match.end()
        if kind == "comment":
            depth = 1
            while depth and end < len(text):
                pair = text[end : end + 2]
                depth += {"/*": 1, "*/": -1}.get(pair, 0)
                end += 2 if pair in ("/*", "*/") else 1
        elif kind != "space":
            word = text[at:end].removeprefix("r#") if kind == "word" else text[at:end]
            if word == "crate" and found and found[-1].text == "$":
                found.pop()
            found.append(Token(kind, word, line))
        line += text.count("\n", at, end)
        at = end
    return found


def tests_only(cfg):
    """Whether this condition needs `test`: True, False where it needs it not to be, else None."""
    if cfg == ["test"]:
        return True
    if cfg[0] not in ("all", "any", "not") or len(cfg) < 4:
        return None
    parts, depth = [[]], 0
    for word in cfg[2:-1]:
        depth += (word == "(") - (word == ")")
        if word == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(word)
    values = [tests_only(part) for part in parts if part]
    if cfg[0] == "not":
        return None if values[0] is None else not values[0]
    if cfg[0] == "all":
        return True if True in values else None
    return True if values == [True] * len(values) else None


class Reader:
    """One pass over a file's tokens."""

    def __init__(self, crate, module, words):
        self.crate, self.words = crate, words
        self.close = self.pairs()
        self.module = module

    def pairs(self):
        """Where each bracket closes."""
        stack, close = [], {}
        for i, token in enumerate(self.words):
            if token.kind == "mark" and token.text in CLOSE:
                stack.append(i)
            elif token.kind == "mark" and token.text in CLOSE.values() and stack:
                close[stack.pop()] = i
        return close

    def text(self, i):
        return self.words[i].text if 0 <= i < len(self.words) else ""

    def read(self):
        self.block(0, len(self.words), self.module, True)

    def block(self, i, end, module, top):
        """Reads what is between; `top` where items are the module's own."""
        test, given = False, None
        while i < end:
            word, after = self.text(i), self.text(i + 1)
            if word == "#" and after in ("[", "!") and i + 1 + (after == "!") in self.close:
                start = i + 1 + (after == "!")
                inside = [each.text for each in self.words[start + 1 : self.close[start]]]
                if inside[:1] == ["cfg"]:
                    found = tests_only(inside[2:-1]) is True
                    module.test |= found and after == "!"
                    test |= found
                elif inside[:2] == ["path", "="]:
                    given = inside[2].strip('"')
                elif inside[:1] in (["macro_use"], ["macro_export"]):
                    self.crate.fault(module, self.words[i].line, f"{inside[0]} hides who takes it")
                else:
                    self.block(start + 1, self.close[start], module, False)
                i = self.close[start] + 1
            elif word == "pub":
                scoped = after == "(" and self.text(i + 2) in ("crate", "self", "super", "in")
                i = self.close[i + 1] + 1 if scoped else i + 1
            elif word == "mod" and self.text(i + 2) in (";", "{"):
                i = self.declare(i, module, test, given)
                test, given = False, None
            elif test:
                i, test = self.skip(i, end), False
            elif word in CLOSE and i in self.close:
                self.block(i + 1, self.close[i], module, False)
                i = self.close[i] + 1
            elif self.words[i].kind != "word":
                i += 1
            elif word == "use" and after != "<":
                i = self.tree(i + 1, [], module, top)
            elif top and word in DEFINES and after not in DEFINES:
                module.items.add(after)
                i += 2
            elif top and word == "macro_rules" and after == "!":
                module.items.add(self.text(i + 2))
                i += 3
            elif word == "extern" and after == "crate":
                module.names.append(Name([self.text(i + 2)], self.words[i].line))
                i += 3
            else:
                i = self.path(i, module)

    def declare(self, i, module, test, given):
        name, line = self.text(i + 1), self.words[i].line
        test = test or module.test
        if self.text(i + 2) == ";":
            self.crate.declare(module, name, line, test, given)
            return i + 3
        end = self.close[i + 2]
        self.block(i + 3, end, self.crate.nest(module, name, test), True)
        return end + 1

    def skip(self, i, end):
        """Past what a false cfg takes away: an item, a statement, a field, an arm."""
        while self.text(i) == "pub":
            i = self.close[i + 1] + 1 if self.text(i + 1) == "(" else i + 1
        commas = self.text(i) in ITEMS  # that do not end it
        while i < end:
            word, opens = self.text(i), self.text(i) in CLOSE and i in self.close
            i = self.close[i] + 1 if opens else i + 1
            if word == ";" or word == "," and not commas:
                break
            if word == "{" and self.text(i) not in (".", "?", "else", ",", ";"):
                break
        return i

    def tree(self, i, before, module, top):
        """A tree of `use` from here on; returns what is behind it."""
        segments = list(before)
        if self.text(i) == "::":
            segments, i = ["::"], i + 1
        while self.words[i].kind == "word":
            segments, line = [*segments, self.text(i)], self.words[i].line
            i += 1
            if self.text(i) != "::":
                if segments[-1] == "self" and len(segments) > 1:
                    segments.pop()
                alias = segments[-1]
                if self.text(i) == "as":
                    alias, i = self.text(i + 1), i + 2
                self.take(segments, alias, line, module, top)
                return i
            i += 1
        if self.text(i) == "{":
            end, i = self.close[i], i + 1
            while i < end:
                i = self.tree(i, segments, module, top)
                i += self.text(i) == ","
        elif self.text(i) == "*":
            self.take([*segments, "*"], None, self.words[i].line, module, top)
        return i + 1

    def take(self, segments, alias, line, module, top):
        module.names.append(Name(segments, line))
        if alias is None:
            module.globs += [segments[:-1]] if top else []
        elif alias != "_" and (top or alias not in module.imports):
            module.imports[alias] = segments

    def path(self, i, module):
        """A path in code, if there is one here; returns what is behind it."""
        start, segments = i, [self.text(i)]
        while self.text(i + 1) == "::" and re.match(r"[A-Za-z_]", self.text(i + 2)):
            i += 2
            segments.append(self.text(i))
        if len(segments) > 1 and self.text(start - 1) not in ("::", "."):
            module.names.append(Name(segments, self.words[start].line))
        return i + 1
