#!/usr/bin/python3
"""The power fails during a delivery: of what was written since the last fsync() any sectors may be on the disk, the size
may be old or new, names may be missing, and each file is on its own. From every such state the next deliveries leave old
mail as it was, and have what was acknowledged, and the retry, whole.
"""
import itertools
import os
import random
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
import scratch  # noqa: E402
from tap import check, done, note  # noqa: E402

SECTOR = 512
OLD = b"".join(b"From old@example.org Thu Nov 19 08:0%d:00 2026\nSubject: old %d\n\nold text %d\n\n" % (n, n, n) for n in range(3))
TRACED = "openat,write,pwrite64,pwritev,ftruncate,fsync,linkat,unlinkat,exit_group"
random.seed(2026)
trials = 0


# --- what one delivery does to the disk ---

def unhex(text):
    return bytes(int(x, 16) for x in re.findall(r"\\x([0-9a-f]{2})", text))


def changes(box, message, second=3):
    """[(what, file name, offset, bytes)] of one delivery, in order: write, truncate, sync, sync names, make, end."""
    trace = os.path.join(box.agent.work, "power")
    r = box.deliver(message, second, ["/usr/bin/strace", "-y", "-xx", "-s", "10000000", "-o", trace, "-e", f"trace={TRACED}"])
    if r.returncode != 0:
        raise RuntimeError(f"the recorded delivery failed: {r.returncode} {r.stdout!r}")
    found = []
    for line in scratch.read(trace).decode().splitlines():
        call, _, rest = line.partition("(")
        if " = -1" in rest[-60:]:
            continue
        # -xx writes the names of descriptors as hex, too
        m = re.match(r"(\d+)<([^>]*)>", rest)
        path = unhex(m[2]).decode() if m and "\\x" in m[2] else m[2] if m else ""
        name = os.path.basename(path) if path.startswith(box.agent.folder + "/") else None
        if call == "openat" and path == box.agent.folder and "O_CREAT" in rest:
            found.append(("make", unhex(rest.split('"')[1]).decode(), 0, b""))
        elif call in ("pwrite64", "pwritev") and name:
            data = b"".join(unhex(x) for x in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', rest))
            found.append(("write", name, int(re.search(r", (\d+)\) += \d+$", line)[1]), data))
        elif call == "ftruncate" and name:
            found.append(("truncate", name, int(rest.split(", ")[1].split(")")[0]), b""))
        elif call == "fsync":
            found.append(("sync", name, 0, b"") if name else ("sync names", "", 0, b""))
        elif call == "exit_group":
            found.append(("end", "", 0, b""))
    return found


# --- what of it may be on the disk ---

def apply(data, op):
    what, _, at, new = op
    if what == "truncate":
        return data[:at]
    return data[:at] + b"\0" * (at - len(data)) + new + data[at + len(new):] if what == "write" else data


def mixes(before, after, few):
    """States between two contents: each sector old or new, the size old or new. few: only the plainest."""
    yield from (before, after)
    if before == after:
        return
    size = max(len(before), len(after))
    first = next((i for i, (a, b) in enumerate(zip(before, after)) if a != b), min(len(before), len(after)))
    sectors = list(range(first // SECTOR, (size + SECTOR - 1) // SECTOR))
    zeroed = before + b"\0" * max(0, len(after) - len(before))

    def pick(new):
        """The sectors in `new` as they should become, the others as they were, or zero where there was nothing."""
        data = bytearray(zeroed.ljust(size, b"\0"))
        for s in new:
            part = after.ljust(size, b"\0")[s * SECTOR:(s + 1) * SECTOR]
            data[s * SECTOR:s * SECTOR + len(part)] = part
        return bytes(data)
    sets = [sectors[:k] for k in range(len(sectors))] + [sectors[k:] for k in range(1, len(sectors))]
    sets += [[s for s in sectors if random.random() < 0.5] for _ in range(2 if few else 12)]
    if few:
        sets = random.sample(sets, min(3, len(sets)))
    for chosen in sets:
        full = pick(chosen)
        yield full[:len(after)]
        if chosen and len(before) < len(after):  # the size is as far as what was written of it
            yield full[:min(len(after), (chosen[-1] + 1) * SECTOR)]
        if len(before) != len(after):
            yield full[:len(before)]


class Disk:
    """What surely is on the disk, and what is only in memory, after the first `upto` changes."""

    def __init__(self, start, ops, upto):
        self.memory, self.sure = dict(start), dict(start)
        self.names_sure = set(start)
        for what, name, at, new in ops[:upto]:
            if what == "make":
                self.memory.setdefault(name, b"")
                self.sure.setdefault(name, b"")
            elif what in ("write", "truncate") and name in self.memory:
                self.memory[name] = apply(self.memory[name], (what, name, at, new))
            elif what == "sync":
                self.sure[name] = self.memory[name]
            elif what == "sync names":
                self.names_sure |= set(self.memory)

    def states(self):
        """Every file in each of its states, the mailbox in all of them, beside a few of the others."""
        choices = []
        for name in ("u1", ".u1.journal", ".u1.done"):
            if name not in self.memory:
                choices.append([None])
                continue
            found = list(dict.fromkeys(mixes(self.sure[name], self.memory[name], few=name != "u1")))
            choices.append(found + ([] if name in self.names_sure else [None]))
        for combination in itertools.product(*choices):
            yield dict(zip(("u1", ".u1.journal", ".u1.done"), combination))


def set_up(box, state):
    box.put(None)
    for name, data in state.items():
        if data is not None:
            box.write(data, os.path.join(box.agent.folder, name))


def is_plain(state, memory, old):
    """Is it a state that a mere kill could leave, too? Then the retry makes exactly one copy, and nothing torn stays."""
    box = state["u1"]
    return (box is not None and len(box) >= len(old) and memory["u1"].startswith(box)
            and all(state[n] == memory.get(n) for n in (".u1.journal", ".u1.done")))


def problem_after(box, state, old, message, acknowledged, known, plain):
    """The machine is up again: the retry, and one more message. What is wrong then, or None."""
    global trials
    trials += 1
    set_up(box, state)
    further = agent.Message(2, 300)
    if not acknowledged and box.deliver(message, 7).returncode != 0:
        return "the retry fails"
    if box.deliver(further, 9).returncode != 0:
        return "the next delivery fails"
    got = box.bytes()
    if not got.startswith(old):
        return "old mail changed"
    copies = agent.copies(got, message)
    if copies < 1 or agent.copies(got, further) != 1:
        return f"{copies} copies, {agent.copies(got, further)} of the next message"
    if plain and (copies, agent.mentions(got, message)) != (1, 1):
        return f"{copies} whole of {agent.mentions(got, message)}, and the journal is whole"
    if acknowledged and known and box.deliver(message, 11).returncode == 0 and agent.copies(box.bytes(), message) != copies:
        return "what was acknowledged is stored again, though .done or the journal is whole"
    return f"left over: {box.litter()}" if box.litter() else None


def cuts(box, sentence, start, old, limit):
    """Record a delivery on `start`; cut the power behind each of its changes."""
    message, bad, count = agent.Message(1, 3000), [], 0
    set_up(box, start)
    ops = changes(box, message)
    final = scratch.read(os.path.join(box.agent.folder, ".u1.done"))
    start = {n: d for n, d in start.items() if d is not None}
    kinds = [o[0] for o in ops]
    check(f"{sentence}: the recorded delivery writes, syncs and ends", kinds.count("write") >= 4 and "sync" in kinds and kinds[-1] == "end", kinds)
    for upto in range(1, len(ops) + 1):
        disk = Disk(start, ops, upto)
        states = list(disk.states())
        if len(states) > limit:
            states = states[:20] + random.sample(states[20:], limit - 20)
        for state in states:
            count += 1
            problem = problem_after(box, state, old, message, upto == len(ops), state.get(".u1.done") == final,
                                    is_plain(state, disk.memory, old))
            if problem:
                what = {n: None if d is None else len(d) for n, d in state.items()}
                bad.append(f"cut behind change {upto} ({ops[upto - 1][:3]}): {what}: {problem}")
    check(f"{sentence}: {count} states of the disk at {len(ops)} moments", not bad and count > len(ops), "\n".join(bad[:12]))


def torn_start(box):
    """What a kill in the middle of a write leaves, synced by chance: mailbox, open journal, .done."""
    box.put(OLD)
    box.deliver(agent.Message(1, 3000), 1, ["/usr/bin/strace", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:signal=KILL:when=1"])
    start = {n: scratch.read(os.path.join(box.agent.folder, n)) for n in ("u1", ".u1.journal", ".u1.done")}
    start["u1"] = start["u1"][:len(OLD) + 1700]
    return start


def main():
    box = agent.Agent().box("u1")
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 120
    box.deliver(agent.Message(5))
    used = {n: scratch.read(os.path.join(box.agent.folder, n)) for n in (".u1.journal", ".u1.done")}
    cuts(box, "a used mailbox", {"u1": OLD, **used}, OLD, limit)
    cuts(box, "no side files yet", {"u1": OLD}, OLD, limit)
    cuts(box, "a new mailbox", {}, b"", limit)
    cuts(box, "no empty line at the end", {"u1": OLD[:-1], **used}, OLD[:-1], limit)
    cuts(box, "a torn tail that is repaired", torn_start(box), OLD, limit)
    note(f"{trials} states")
    done()


main()
