#!/usr/bin/python3
"""A mailbox that takes thousands of messages: its table of ids grows, and every retry is still known."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from agent import Agent, Message  # noqa: E402
from scratch import read  # noqa: E402
from tap import check, done, equal  # noqa: E402

MESSAGES = 2600  # more than the 2,048 that eight buckets hold
box = Agent().box()


def failures(numbers):
    """Deliver those messages; the ones that were not taken."""
    return [n for n in numbers if box.deliver(Message(n, 300)).returncode != 0]


equal("every one of many messages is taken", failures(range(MESSAGES)), [])
before = os.stat(box.path).st_size
table = os.stat(os.path.join(box.agent.folder, f".{box.user}.done")).st_size
equal("all of them are in the mailbox", read(box.path).count(b"\nMessage-ID: "), MESSAGES)
check("the table of ids has grown past eight buckets", table > 8 * 4096, f"{table} bytes")
equal("a retry of any of them is accepted", failures(range(0, MESSAGES, 7)), [])
equal("and stored none a second time", os.stat(box.path).st_size, before)
done()
