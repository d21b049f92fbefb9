"""Delivery agents side by side: one fork + exec per message."""

import os
import shutil

import common as c

DOVECOT_LDA = "/usr/lib/dovecot/dovecot-lda"


class Agent:
    """A command and the mailbox it appends to. `%m` in both is the number of the mailbox."""

    def __init__(self, name, command, mailbox, few=False):
        self.name, self.command, self.mailbox = name, command, mailbox
        self.few = few  # so slow that large messages are measured once only

    def mailboxes(self, modulo):
        return [self.mailbox.replace("%m", str(i)) for i in range(modulo)]


def our_domain(scratch, name, users, boxes=1):
    """A configuration folder with one domain of `users` users, u0 ... ; the mailboxes of the first exist."""
    uid, gid = scratch.user.pw_uid, scratch.user.pw_gid
    scratch.folder(name)
    scratch.folder(name, "example.net", own=True, mode=0o700)
    scratch.folder(name + "-spool")
    spool = scratch.folder(name + "-spool", "example.net", own=True, mode=0o700)
    scratch.write(name, "virtual.conf", text=f"spool_directory = {spool[:-len('/example.net')]}\n"
                  f"mail_directory = {scratch.folder('no-mail')}\nmyhostname = {c.HOSTNAME}\n"
                  f"log_socket = {scratch.at('log')}\n")
    names = sorted(f"u{i}" for i in range(users))
    scratch.write(name, "example.net", "passwd", own=True, mode=0o600,
                  text="".join(f"{n}:*:{uid}:{gid}:{n}:.:\n" for n in names))
    for i in range(boxes):
        scratch.write(name + "-spool", "example.net", f"u{i}", text="", own=True, mode=0o600)
    return scratch.at(name), spool


def ours(scratch, name, config, spool, user="u%m"):
    return Agent(name, [c.DELIVER, "-c", config, f"{user}@example.net"], os.path.join(spool, user))


def peers(scratch):
    """The agents that are installed here, each with one mailbox for each `%m`."""
    u = scratch.at("u")
    found = []
    if shutil.which("procmail"):
        rc = scratch.write("procmailrc", text='DEFAULT=$1\nORGMAIL=$1\n')
        found.append(Agent("procmail", [shutil.which("procmail"), "-m", rc, u + "/procmail.%m"], u + "/procmail.%m"))
    if shutil.which("maildrop"):
        rc = scratch.write("u", "maildroprc", text=f'to "{u}/maildrop.0"\n', own=True, mode=0o600)
        found.append(Agent("maildrop", [shutil.which("maildrop"), rc], u + "/maildrop.0"))
    if os.path.exists(DOVECOT_LDA):
        conf = scratch.write("lda.conf", text=f"base_dir = {u}/lda-run\nlog_path = {u}/lda.log\nssl = no\n"
                             f"mail_location = mbox:{u}/lda:INBOX={u}/lda.0\nmail_home = {u}\n"
                             "first_valid_uid = 1\nprotocols =\n")
        found.append(Agent("dovecot-lda", ["/usr/bin/env", "USER=" + scratch.user.pw_name, DOVECOT_LDA, "-c", conf,
                                           "-k", "-p", "/dev/stdin"], u + "/lda.0"))
    if shutil.which("putmail"):
        found.append(Agent("GNU putmail", [shutil.which("putmail"), "--no-config", u + "/putmail.0"],
                           u + "/putmail.0", few=True))
    return found


def all_agents(scratch):
    u = scratch.at("u")
    agents = [Agent("exec + read only", [c.tool("reader")], u + "/none"),
              Agent("the floor", [c.tool("floor"), u + "/floor.%m"], u + "/floor.%m")]
    if os.path.exists(c.DELIVER):
        config, spool = our_domain(scratch, "etc", 10)
        agents.append(ours(scratch, "virtual-deliver", config, spool))
    else:
        print(f"# {c.DELIVER} is not built: without it")
    return agents + peers(scratch)


def forget(agents, modulo=1):
    """Empty the mailboxes, so that a long run does not fill the disk; they stay where they are."""
    for agent in agents:
        for path in agent.mailboxes(modulo):
            if os.path.exists(path):
                os.truncate(path, 0)


def rounds(scratch, agents, path, runs, n, at_once=1, modulo=1):
    """n rounds, each through all agents in turn, so that a drift of the machine hits all alike."""
    figures = {a.name: [] for a in agents}
    for _ in range(n):
        for a in agents:
            c.batch(scratch, path, a.command, min(2, runs), 1, modulo)
            figures[a.name].append(c.batch(scratch, path, a.command, runs, at_once, modulo))
        forget(agents, modulo)
    return figures


def of(figures, name, key):
    return c.median([f[key] for f in figures.get(name, [])])


def to(figures, peer, key="cpu_us"):
    return c.paired(figures.get("virtual-deliver", []), figures.get(peer, []), key)


def one_size(scratch, agents, size, runs, n):
    text = c.message(size)
    path = scratch.write("message", text=text)
    return text, rounds(scratch, agents, path, runs, n)


def deliver_small(scratch, agents):
    n, runs = 9, 60
    text, figures = one_size(scratch, agents, 4096, runs, n)
    calls, rss, rows = {}, {}, []
    floor = of(figures, "the floor", "cpu_us")
    for i, a in enumerate(agents):
        command = [w.replace("%m", "0") for w in a.command]
        plain = [text.replace(c.COUNTER.encode(), b"CALLS%03d%d" % (i, k)) for k in range(2)]
        calls[a.name] = c.system_calls(scratch, command, plain[0])
        rss[a.name] = c.peak_kib(scratch, command, plain[1])
        cpu = of(figures, a.name, "cpu_us")
        rows.append([a.name, of(figures, a.name, "per_s"), cpu, c.ratio(cpu, floor), calls[a.name], rss[a.name]])
    c.table(f"deliver: 4 KiB into one mbox, median of {n} rounds of {runs}",
            ["agent", "msg/s", "CPU us", "x floor", "system calls", "peak RSS KiB"], rows)
    c.goal("CPU, to the floor", to(figures, "the floor"), "<=", 1.5)
    c.goal("CPU, to procmail", to(figures, "procmail"), "<=", 0.5)
    c.limit("system calls", calls.get("virtual-deliver"), 60, "calls")
    c.limit("peak RSS at 4 KiB", rss.get("virtual-deliver"), 2048, "KiB")


def deliver_large(scratch, agents):
    for size, name, runs, n in ((100 << 10, "100 KiB", 25, 5), (10 << 20, "10 MiB", 2, 3)):
        some = [a for a in agents if not (a.few and size > 1 << 20)]
        _, figures = one_size(scratch, some, size, runs, n)
        floor = of(figures, "the floor", "cpu_us")
        rows = [[a.name, of(figures, a.name, "per_s"), of(figures, a.name, "cpu_us"),
                 c.ratio(of(figures, a.name, "cpu_us"), floor)] for a in some]
        c.table(f"deliver: {name}, median of {n} rounds of {runs}", ["agent", "msg/s", "CPU us", "x floor"], rows)


def deliver_huge(scratch, agents):
    text = c.message(100 << 20, "HUGE00001")
    rows = [[a.name, c.peak_kib(scratch, [w.replace("%m", "0") for w in a.command], text)] for a in agents
            if not a.few]
    c.table("deliver: 100 MiB, one run", ["agent", "peak RSS KiB"], rows)
    c.limit("peak RSS at 100 MiB", dict(rows).get("virtual-deliver"), 65536, "KiB")


def fill(scratch, agents):
    """A mailbox that is in use: an agent that remembers what it stored has its memory full."""
    path = scratch.write("message", text=c.message(4096))
    for a in agents:
        if a.name in ("the floor", "virtual-deliver"):
            c.batch(scratch, path, a.command, 1100)
    forget(agents)


def section_deliver(scratch):
    agents = all_agents(scratch)
    fill(scratch, agents)
    deliver_small(scratch, agents)
    deliver_large(scratch, agents)
    deliver_huge(scratch, agents)


def section_parallel(scratch):
    n, runs = 5, 480
    path = scratch.write("message", text=c.message(4096))
    agents = all_agents(scratch)[1:3]
    if len(agents) == 2 and os.path.exists(c.DELIVER):
        config, spool = our_domain(scratch, "etc200", 200, 200)
        agents[1] = ours(scratch, "virtual-deliver", config, spool)
    for modulo in (1, 200):
        whole = {a.name: [0, 0] for a in agents}
        figures = {a.name: [] for a in agents}
        for _ in range(n):
            for a in agents:
                figures[a.name].append(c.batch(scratch, path, a.command, runs, 16, modulo))
                for box in a.mailboxes(modulo):
                    whole[a.name] = [x + y for x, y in zip(whole[a.name], c.count_messages(box))]
            forget(agents, modulo)
        rows = [[a.name, of(figures, a.name, "per_s"), of(figures, a.name, "cpu_us"), n * runs - whole[a.name][0],
                 whole[a.name][1]] for a in agents]
        c.table(f"parallel: 16 at once, {modulo} mbox, 4 KiB, median of {n} rounds of {runs}",
                ["agent", "msg/s", "CPU us", "lost", "damaged"], rows)
        if modulo == 1:
            c.goal("16 on one mailbox, messages a second to the floor's",
                   to(figures, "the floor", "per_s"), ">=", 0.6)
            c.limit("lost or damaged by virtual-deliver", sum(rows[-1][3:]), 0, "messages")


def section_users(scratch):
    if not os.path.exists(c.DELIVER):
        print("\nusers: virtual-deliver is not built")
        return
    n, runs = 9, 60
    path = scratch.write("message", text=c.message(4096))
    agents = []
    for users, user in ((10, "u5"), (100000, "u5"), (100000, "u54321"), (100000, "u99999")):
        config, spool = our_domain(scratch, f"etc{users}", users, 0)
        agents.append(ours(scratch, f"{users:,} users, {user}", config, spool, user))
    figures = rounds(scratch, agents, path, runs, n)
    rows = [[a.name, of(figures, a.name, "per_s"), of(figures, a.name, "cpu_us")] for a in agents]
    c.table(f"users: delivery by the size of passwd, median of {n} rounds of {runs}", ["passwd", "msg/s", "CPU us"],
            rows)
    few, *many = (figures[a.name] for a in agents)
    c.goal("CPU, a user among 100,000 to one among 10", max(c.paired(m, few, "cpu_us") for m in many), "<=", 1.2)
