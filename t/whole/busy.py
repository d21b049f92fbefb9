#!/usr/bin/python3
"""A mailbox that takes thousands of messages: its table of ids grows, and every retry is still known."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import scratch  # noqa: E402
from tap import check, done, equal  # noqa: E402

UID = 60301
MESSAGES = 2600  # more than the 2,048 that eight buckets hold
top = scratch.folder("busy.")
program = os.path.join(scratch.programs(top), "virtual-deliver")
for part in ("etc", "etc/example.org", "spool", "spool/example.org"):
    os.mkdir(os.path.join(top, part), 0o755)
    if part.endswith("example.org"):
        os.chown(os.path.join(top, part), UID, UID)
        os.chmod(os.path.join(top, part), 0o700)
scratch.write(f"{top}/etc/virtual.conf", f"spool_directory = {top}/spool\nmail_directory =\nlog_socket = {top}/log\n")
scratch.write(f"{top}/etc/example.org/passwd", f"abc:*:{UID}:{UID}:abc:.:\n")
os.chown(f"{top}/etc/example.org/passwd", UID, UID)
mailbox = f"{top}/spool/example.org/abc"


def deliver(number):
    host = os.uname().nodename
    message = (f"From s@example.net  Fri Nov 20 09:56:12 2026\nReturn-Path: <s@example.net>\n"
               f"X-Original-To: abc@example.org\nDelivered-To: acc+abc--example.org@virtual.invalid\n"
               f"Received: from c.example.net (c.example.net [192.0.2.1])\n\tby {host} (Postfix) with ESMTP id 4Q{number:05d}X\n"
               f"\tfor <abc@example.org>; Fri, 20 Nov 2026 09:56:12 +0000 (UTC)\nMessage-ID: <{number}@example.net>\n\n{number}\n")
    return scratch.run([program, "-c", f"{top}/etc", "abc@example.org"], data=message.encode(), user=UID, group=UID,
                       extra_groups=[]).returncode


def sizes():
    return os.stat(mailbox).st_size, os.stat(f"{top}/spool/example.org/.abc.done").st_size


failed = [n for n in range(MESSAGES) if deliver(n) != 0]
equal("every one of many messages is taken", failed, [])
before, table = sizes()
equal("all of them are in the mailbox", scratch.read(mailbox).count(b"\nMessage-ID: "), MESSAGES)
check("the table of ids has grown past eight buckets", table > 8 * 4096, f"{table} bytes")
failed = [n for n in range(0, MESSAGES, 7) if deliver(n) != 0]
equal("a retry of any of them is accepted", failed, [])
equal("and stored none a second time", sizes()[0], before)
done()
