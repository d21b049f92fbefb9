#!/usr/bin/python3
"""A sender that was killed leaves an end of file behind half a message: that is no message."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import scratch  # noqa: E402
from tap import check, done, equal  # noqa: E402

UID = 60302
top = scratch.folder("orphan.")
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


def orphan(environment):
    """Run the program as a child of process 1 (of a pid namespace), as one is whose parent died, with half a message."""
    if os.path.exists(mailbox):
        os.unlink(mailbox)
    shell = f"env {environment} {program} -c {top}/etc abc@example.org; exit $?"
    r = scratch.run(["/usr/bin/unshare", "--pid", "--fork", "/usr/bin/setpriv", "--reuid", UID, "--regid", UID,
                     "--clear-groups", "/bin/sh", "-c", shell], data=b"Subject: x\n\nhalf a message\n")
    return r.returncode, (r.stdout + r.stderr).decode()


status, said = orphan("MAIL_CONFIG=/etc/postfix")
equal("under Postfix an orphan's end of file is no end of a message", (status, said[:2]), (75, "4."))
equal("and nothing of it is stored", scratch.read(mailbox), b"")
equal("started by hand, process 1 may be the sender", orphan("X=1"), (0, ""))
check("and the message is stored", b"half a message" in scratch.read(mailbox), scratch.read(mailbox))
done()
