#!/usr/bin/python3
"""A sender that was killed leaves an end of file behind half a message: that is no message."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import scratch  # noqa: E402
from agent import UID, Agent  # noqa: E402
from tap import check, done, equal  # noqa: E402

box = Agent().box()


def orphan(environment):
    """Run the program as a child of process 1 (of a pid namespace), as one is whose parent died, with half a message."""
    if os.path.exists(box.path):
        os.unlink(box.path)
    shell = f"env {environment} {' '.join(box.agent.argv(box.user))}; exit $?"
    r = scratch.run(["/usr/bin/unshare", "--pid", "--fork", "/usr/bin/setpriv", "--reuid", UID, "--regid", UID,
                     "--clear-groups", "/bin/sh", "-c", shell], data=b"Subject: x\n\nhalf a message\n")
    return r.returncode, (r.stdout + r.stderr).decode()


status, said = orphan("MAIL_CONFIG=/etc/postfix")
equal("under Postfix an orphan's end of file is no end of a message", (status, said[:2]), (75, "4."))
equal("and nothing of it is stored", scratch.read(box.path), b"")
equal("started by hand, process 1 may be the sender", orphan("X=1"), (0, ""))
check("and the message is stored", b"half a message" in scratch.read(box.path), scratch.read(box.path))
done()
