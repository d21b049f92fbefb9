"""A domain with many aliases, a long chain of them and a long list, beside a plain delivery."""

import os

import common as c
import deliver

ALIASES, CHAIN, MEMBERS = 10000, 50, 5000
USER = "u5"


def alias_lines():
    """Names that begin with all letters, and one letter with which the user begins too."""
    return [f"{chr(ord('a') + i % 26)}lias{i:05d}: u{i % 10}" for i in range(ALIASES)]


def chain_lines():
    return [f"step{i}: step{i + 1}" for i in range(CHAIN - 1)] + [f"step{CHAIN - 1}: {USER}"]


def members():
    return [f"member{i:04d}@example{i % 40}.org" for i in range(MEMBERS)]


def domain(scratch, name, lines, lists=None):
    config, spool = deliver.our_domain(scratch, name, 10, 10)
    if lines:
        scratch.write(name, "example.net", "aliases", own=True, mode=0o600, text="\n".join(lines) + "\n")
    for file, text in (lists or {}).items():
        scratch.folder(name, "example.net", "include", own=True, mode=0o700)
        scratch.write(name, "example.net", "include", file, own=True, mode=0o600, text=text)
    with open(os.path.join(config, "virtual.conf"), "a", encoding="utf-8") as f:
        f.write(f"sendmail_program = {c.tool('reader')}\n")
    return config, spool


def sendmail_alone(scratch, recipients):
    """The program in sendmail's place, as virtual-deliver starts it."""
    command = [c.tool("reader"), "-i", "-f", "s@example.org", "--", *recipients]
    return deliver.Agent("sendmail alone, the list's members", command, scratch.at("u") + "/none")


def all_agents(scratch):
    """(agent, the agent whose cost comes on top of twice the floor's; None: none). The last two are there to be seen beside the others."""
    ours = deliver.ours
    many, few = domain(scratch, "many", alias_lines()), domain(scratch, "none", [])
    chain = domain(scratch, "chain", alias_lines() + chain_lines())
    short = domain(scratch, "short", chain_lines())
    large = domain(scratch, "list", ["list: :include:all"], {"all": "\n".join(members()) + "\n"})
    sendmail = sendmail_alone(scratch, members())
    last = alias_lines()[-1].split(":", maxsplit=1)[0]

    def to_alias(name, where, alias):
        return deliver.Agent(name, [c.DELIVER, "-c", where[0], f"{alias}@example.net"], os.path.join(where[1], USER))

    floor = deliver.Agent("the floor", [c.tool("floor"), scratch.at("u") + "/floor"], scratch.at("u") + "/floor")
    return [(floor, None),
            (ours(scratch, "a user, no aliases", *few, user=USER), None),
            (ours(scratch, f"a user beside {ALIASES:,} aliases", *many, user=USER), None),
            (to_alias(f"one of {ALIASES:,} aliases", many, last), None),
            (to_alias(f"a chain of {CHAIN}", short, "step0"), None),
            (to_alias(f"a list of {MEMBERS:,} members", large, "list"), sendmail),
            (to_alias(f"a chain of {CHAIN} among {ALIASES:,}", chain, "step0"), None),
            (sendmail, None)]


def section_aliases(scratch):
    if not os.path.exists(c.DELIVER):
        print("\naliases: virtual-deliver is not built")
        return
    n, runs = 9, 60
    path = scratch.write("message", text=c.message(4096))
    pairs = all_agents(scratch)
    figures = deliver.rounds(scratch, [a for a, _ in pairs], path, runs, n)
    floor = figures["the floor"]
    rows = [[a.name, deliver.of(figures, a.name, "per_s"), deliver.of(figures, a.name, "cpu_us"),
             c.paired(figures[a.name], floor, "cpu_us")] for a, _ in pairs]
    c.table(f"aliases: 4 KiB, median of {n} rounds of {runs}", ["delivery", "msg/s", "CPU us", "x floor"], rows)
    for a, extra in pairs[2:-2]:
        more = figures[extra.name] if extra else [{"cpu_us": 0}] * n
        ratios = [c.ratio(x["cpu_us"] - y["cpu_us"], f["cpu_us"]) for x, y, f in zip(figures[a.name], more, floor)]
        without = ", without sendmail's own" if extra else ""
        c.goal(f"CPU to the floor's, {a.name}{without}", c.median(ratios), "<=", 2)
