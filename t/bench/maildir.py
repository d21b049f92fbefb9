"""Into one Maildir that grows: what a message costs must not depend on how many are there."""

import os
import shutil

import common as c
import deliver

BLOCK, BLOCKS = 1000, 20


def a_domain(scratch, name, settings):
    config, spool = deliver.our_domain(scratch, name, 10, 0)
    scratch.folder(name, "example.net", "users", own=True, mode=0o700)
    scratch.write(name, "example.net", "users", "u0", own=True, mode=0o600, text="mailbox_format = maildir\n" + settings)
    return deliver.ours(scratch, name, config, spool)


def peers(scratch):
    u, found = scratch.at("u"), []
    if shutil.which("procmail"):
        rc = scratch.write("maildir.procmailrc", text="DEFAULT=$1\nORGMAIL=$1\n")
        found.append(deliver.Agent("procmail", [shutil.which("procmail"), "-m", rc, u + "/procmail/"], u + "/procmail"))
    if shutil.which("maildrop"):
        scratch.folder("u", "maildrop", own=True)
        for part in ("tmp", "new", "cur"):
            scratch.folder("u", "maildrop", part, own=True)
        rc = scratch.write("u", "maildir.maildroprc", text=f'to "{u}/maildrop"\n', own=True, mode=0o600)
        found.append(deliver.Agent("maildrop", [shutil.which("maildrop"), rc], u + "/maildrop"))
    if os.path.exists(deliver.DOVECOT_LDA):
        conf = scratch.write("lda-maildir.conf", text=f"base_dir = {u}/lda-run\nlog_path = {u}/lda.log\nssl = no\n"
                             f"mail_location = maildir:{u}/lda-maildir\nmail_home = {u}\nfirst_valid_uid = 1\nprotocols =\n")
        found.append(deliver.Agent("dovecot-lda", ["/usr/bin/env", "USER=" + scratch.user.pw_name, deliver.DOVECOT_LDA, "-c", conf,
                                                   "-k", "-p", "/dev/stdin"], u + "/lda-maildir"))
    return found


def calls_of(scratch, agents, number):
    """How many system calls the next delivery makes."""
    text = c.message(4096)
    return [c.system_calls(scratch, [w.replace("%m", "0") for w in a.command], text.replace(c.COUNTER.encode(), b"CALLS%04d" % number))
            for a in agents]


def normal(figures, floor):
    """CPU by that of the floor in the same round: what slows one slows the other."""
    return c.ratio(figures["cpu_us"], floor["cpu_us"])


def section_maildir(scratch):
    if not os.path.exists(c.DELIVER):
        print("\nmaildir: virtual-deliver is not built")
        return
    path = scratch.write("message", text=c.message(4096))
    floor = deliver.Agent("the floor", [c.tool("floor"), scratch.at("u") + "/floor"], scratch.at("u") + "/floor")
    agents = [a_domain(scratch, "plain", ""), a_domain(scratch, "quota", "quota = 4000M\nquota_messages = 100000\n")]
    c.batch(scratch, path, floor.command, 20)
    for a in agents:
        c.batch(scratch, path, a.command, 20)
    before, rounds = calls_of(scratch, agents, 1), []
    for _ in range(BLOCKS):
        rounds.append([c.batch(scratch, path, a.command, n) for a, n in ((floor, BLOCK // 5), *((a, BLOCK) for a in agents))])
    after = calls_of(scratch, agents, 2)
    rows = []
    for k, (name, agent) in enumerate(zip(("without a quota", "with a quota"), agents), 1):
        first, last = rounds[0], rounds[-1]
        rows.append([name, first[k]["per_s"], last[k]["per_s"], first[k]["cpu_us"], last[k]["cpu_us"], before[k - 1], after[k - 1]])
        stored = len(os.listdir(os.path.join(agent.mailbox.replace("%m", "0"), "new")))
        c.limit(f"lost {name}", BLOCK * BLOCKS + 22 - stored, 0, "messages")
    others = [[a.name, f["per_s"], f["cpu_us"]] for a, f in ((a, c.batch(scratch, path, a.command, BLOCK // 5)) for a in peers(scratch))]
    c.table(f"maildir: {BLOCK * BLOCKS:,} messages of 4 KiB into one Maildir: the first and the last {BLOCK:,}",
            ["virtual-deliver", "msg/s, first", "last", "CPU us, first", "last", "system calls, first", "last"], rows)
    c.table(f"maildir: the first {BLOCK // 5} of others", ["agent", "msg/s", "CPU us"], others)
    for k, row in enumerate(rows, 1):
        ends = [c.median([normal(r[k], r[0]) for r in some]) for some in (rounds[:5], rounds[-5:])]
        c.goal(f"CPU to the floor's, the last 5,000 to the first, {row[0]}", c.ratio(ends[1], ends[0]), "<=", 1.1)
        c.limit(f"more system calls at last, {row[0]}", row[6] - row[5], 0, "calls")
