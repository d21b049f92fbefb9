"""POP3: sessions a second, and mailboxes of 100 MB and 1 GB, with every server that is installed; then our goals."""

import json
import os
import subprocess
import tempfile
import time

import common as c
import pop3_peers as p
from pop3_peers import DEFAULT, OURS, STOCK, TUNED

ROUNDS = 5
SESSIONS = {1: 200, p.CLIENTS: 400}
SMALL, LARGE, MESSAGE = 10_000, 100_000, 10_100
LARGE_BUDGET_S = 75  # a peer that needs longer for its rounds of 1 GB gets fewer; the table says how many
FEW, EACH = 10, 50


def mib_per_s(figures):
    return figures["bytes"] / figures["ms"] * 1e3 / 2**20


def empty_stat_ms(peer):
    """Login and STAT of an empty mailbox: what the daemon itself costs."""
    user = peer.users[1]
    peer.put(user, None)
    return c.median([peer.session(user, "stat", "quit")["stat"]["at_ms"] for _ in range(3)])


# --- sessions a second ---

def sessions_table(peers, few):
    rates = {}
    for _ in range(ROUNDS):
        for title, peer in peers.items():
            for kind, source in (("", few), (", empty mailbox", None)):
                for user in peer.users:
                    peer.put(user, source)
                for clients, n in SESSIONS.items():
                    peer.rate(peer.users[:clients], clients * 2)  # daemons started, indexes made
                    rates.setdefault((title + kind, clients), []).append(peer.rate(peer.users[:clients], n))
    titles = dict.fromkeys(t for t, _ in rates)
    c.table(f"pop3: sessions a second, login + STAT + QUIT, {FEW} messages, $1$ hashes, median of n rounds of "
            f"{SESSIONS[1]} and {SESSIONS[p.CLIENTS]}", ["server", "n", "1 client", f"{p.CLIENTS} clients"],
            [[t, ROUNDS, c.median(rates[t, 1]), c.median(rates[t, p.CLIENTS])] for t in titles])
    for clients in SESSIONS:
        ours, floor, stock = (rates.get((t, clients), []) for t in (OURS, f"{OURS}, empty mailbox", f"{STOCK}, empty mailbox"))
        # The same daemon, so its floor has the check's child in it too; the stock one has none and drops no group.
        c.goal(f"sessions a second, {clients} at once, to the same daemon's with an empty mailbox",
               c.median([c.ratio(a, b) for a, b in zip(ours, floor)]), ">=", 0.8)
        print(f"  ratio {c.median([c.ratio(a, b) for a, b in zip(ours, stock)]):.2f}  the same to the stock daemon's with an empty mailbox"
              if ours and stock else "  the stock daemon was not measured")


# --- 100 MB ---

def limit_ns(mode, path, *more):
    done = subprocess.run([c.tool("scan_limit"), mode, path, "5", *more], env=c.CLEAN_ENV, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)[mode + "_ns"] / 1e6


def small_round(peer, master):
    """All figures of one round, each from a mailbox that this server has not seen before, or has."""
    user, r = peer.users[0], {"empty": empty_stat_ms(peer)}
    idle = peer.session(peer.users[1], "stat", "hold", "quit", look=p.pop3d.anonymous_kib)["looked"]
    peer.put(user, master, settle=True)
    first = peer.session(user, "stat", "hold", "uidl", "quit", look=p.pop3d.anonymous_kib)
    second = peer.session(user, "stat", f"retr-each:{EACH}", "retr-all", "quit")
    half = peer.session(user, "stat", "dele-half", "quit")
    peer.put(user, master)
    peer.session(user, "stat", "quit")
    every = peer.session(user, "stat", "dele-all", "quit")
    errors = sum(s["errors"] for s in (first, second, half, every))
    if errors or first["messages"] != SMALL:
        print(f"  # {peer.title}: {errors} refused commands, {first['messages']} messages")
    r.update(first=first["stat"]["at_ms"], first_quit=first["quit"]["ms"], second=second["stat"]["at_ms"],
             uidl=first["uidl"]["ms"], retr=mib_per_s(second["retr-all"]), each=second[f"retr-each:{EACH}"]["ms"],
             half=half["dele-half"]["ms"] + half["quit"]["ms"], all=every["dele-all"]["ms"] + every["quit"]["ms"],
             memory=(first["looked"] - idle) / 1024 if first["looked"] and idle else None)
    r["engine"] = r["first"] - r["empty"]
    return r


def one_round(rounds, peer, measure, *args):
    """Add what measure() finds; a session that fails is said, and its round left out."""
    try:
        rounds[peer.title].append(measure(peer, *args))
    except p.Failed as problem:
        print(f"  # a round less: {problem}")


def small_table(peers, master):
    rounds = {title: [] for title in peers}
    limits = []
    for _ in range(ROUNDS):
        limits.append({"scan": limit_ns("scan", master), "copy": limit_ns("copy", master),
                       "copy_half": limit_ns("copy", master, str(os.path.getsize(master) // 2))})
        for peer in peers.values():
            one_round(rounds, peer, small_round, master)
    columns = ["server", "n", "STAT 1st ms", "+ QUIT", "2nd ms", "empty ms", "UIDL ms", "RETR all MiB/s", f"{EACH} RETR ms",
               "DELE half+QUIT", "all+QUIT", "memory MiB"]
    keys = ["first", "first_quit", "second", "empty", "uidl", "retr", "each", "half", "all", "memory"]
    c.table(f"pop3: {SMALL:,} messages, {os.path.getsize(master) / 1e6:.0f} MB; times of STAT from before connect() on; median of n",
            columns, [[t, len(r), *[c.median([x[k] for x in r]) for k in keys]] for t, r in rounds.items()])
    middle = {k: c.median([x[k] for x in limits]) for k in limits[0]}
    print(f"  the machine: newlines by SSE2 {middle['scan']:.1f} ms; copy + fsync {middle['copy']:.0f} ms, of one half "
          f"{middle['copy_half']:.0f} ms (n {ROUNDS})")
    small_goals(rounds, limits)
    return {t: c.median([x["memory"] for x in r]) for t, r in rounds.items()}


def ratios(above, below, key, key_below=None):
    """Median of the ratios, round by round: what slows one round slows both sides."""
    return c.median([c.ratio(a[key], b[key_below or key]) for a, b in zip(above, below)])


def small_goals(rounds, limits):
    mine = rounds.get(OURS, [])
    c.goal("first STAT, less that of an empty mailbox, to the scan limit", ratios(mine, limits, "engine", "scan"), "<=", 2)
    for title in (STOCK, DEFAULT, TUNED):
        c.goal(f"first STAT, times faster than {title}", ratios(rounds.get(title, []), mine, "first"), ">=", 30)
    c.goal(f"UIDL, times faster than {STOCK}", ratios(rounds.get(STOCK, []), mine, "uidl"), ">=", 5)
    for title in (DEFAULT, TUNED):
        c.goal(f"RETR of all, pipelined, to {title}", ratios(mine, rounds.get(title, []), "retr"), ">=", 1)
    for key, words in (("half", "DELE of half"), ("all", "DELE of all")):
        c.goal(f"{words} + QUIT, to copy + fsync of the mailbox", ratios(mine, limits, key, "copy"), "<=", 1.5)
    each = c.median([m["each"] for m in mine])
    c.limit(f"{EACH} RETR one by one", each and round(each, 1), EACH * 4, "ms")


# --- 1 GB ---

def large_round(peer, master, message):
    user, r = peer.users[0], {"empty": empty_stat_ms(peer)}
    idle = peer.session(peer.users[1], "stat", "hold", "quit", look=p.pop3d.anonymous_kib)["looked"]
    peer.put(user, master, settle=True)
    first = peer.session(user, "stat", "hold", "quit", look=p.pop3d.anonymous_kib)
    r["first"] = first["stat"]["at_ms"]
    r["second"] = c.median([peer.session(user, "stat", "quit")["stat"]["at_ms"] for _ in range(3)])
    peer.append(user, message)
    after = peer.session(user, "stat", "quit")
    r["delivered"] = after["stat"]["at_ms"]
    r["memory"] = (first["looked"] - idle) / 1024 if first["looked"] and idle else None
    r["engine"] = r["second"] - r["empty"]
    if (first["messages"], after["messages"]) != (LARGE, LARGE + 1):
        print(f"  # {peer.title}: {first['messages']}, then {after['messages']} messages")
    return r


def large_table(peers, master, message, small_memory):
    rounds = {title: [] for title in peers}
    spent = dict.fromkeys(peers, 0.0)
    for n in range(ROUNDS):
        for title, peer in peers.items():
            if spent[title] * (n + 1) <= LARGE_BUDGET_S * max(n, 1):
                begin = time.monotonic()
                one_round(rounds, peer, large_round, master, message)
                spent[title] += time.monotonic() - begin
    keys = ["first", "second", "delivered", "empty", "memory"]
    c.table(f"pop3: {LARGE:,} messages, {os.path.getsize(master) / 1e9:.2f} GB; login + STAT; median of n",
            ["server", "n", "1st ms", "unchanged ms", "after a delivery ms", "empty ms", "memory MiB"],
            [[t, len(r), *[c.median([x[k] for x in r]) for k in keys]] for t, r in rounds.items()])
    mine = rounds.get(OURS, [])
    print(f"  the machine: newlines by SSE2 {limit_ns('scan', master):.0f} ms (n 5)")
    engine = c.median([x["engine"] for x in mine])
    c.limit("unchanged mailbox of 1 GB, engine: login + STAT less that of an empty mailbox",
            None if engine is None else round(engine, 2), 2, "ms")
    for what, memory, most in ((f"{SMALL:,}", small_memory.get(OURS), 8), (f"{LARGE:,}", c.median([x["memory"] for x in mine]), 64)):
        c.limit(f"anonymous memory at {what} messages, less an empty mailbox's", None if memory is None else round(memory, 1),
                most, "MiB")


def tail_goal(peers, message):
    """The mailbox of the last round is indexed; one message more, and what is read is counted."""
    most = len(message) + 65536
    if OURS not in peers:
        c.limit("bytes of a 1 GB mailbox that are read after one delivery", None, most, "bytes")
        return
    peer = peers[OURS]
    user = peer.users[0]
    peer.append(user, message)
    found = p.mailbox_bytes_read(peer, user)
    name = os.path.basename(peer.mbox(user))
    c.limit(f"bytes of a 1 GB mailbox that are read after one delivery of {len(message):,}", found and found.get(name, 0), most,
            "bytes")
    beside = ", ".join(f"{n} {b:,}" for n, b in sorted((found or {}).items()) if n != name)
    print(f"  beside it: {beside or 'nothing'}")


def section_pop3(scratch):
    tempfile.tempdir = scratch.path  # all on the disk that is measured
    root = p.test_scratch.folder()
    masters = {}
    for count in (FEW, SMALL, LARGE):
        masters[count] = scratch.at(f"{count}.mbox")
        p.pop3.write_mbox(masters[count], count, MESSAGE)
    peers = p.start(root)
    sessions_table(peers, masters[FEW])
    memory = small_table(peers, masters[SMALL])
    message = p.pop3.mbox(1, MESSAGE, LARGE + 1)
    large_table(peers, masters[LARGE], message, memory)
    tail_goal(peers, message)
    p.test_scratch.clean_up()
    tempfile.tempdir = None
