"""tap.py: how a whole-program test says what it found.

    from tap import check, done
    check("a sentence that is true", got == 3, f"got {got}")
    done()

Every check prints one TAP line and goes on; done() prints the plan and exits. An exception that
reaches the top is a failed test too, and never hides those before it.
"""
import atexit
import sys
import threading
import traceback

_count = 0
_failed = 0
_finished = False
_lock = threading.Lock()


def check(sentence, ok, detail=""):
    """One test. detail (any object) is printed when it fails. Returns ok as a bool."""
    global _count, _failed
    with _lock:
        _count += 1
        print(f"{'ok' if ok else 'not ok'} {_count} - {sentence}", flush=True)
        if not ok:
            _failed += 1
            for line in str(detail).splitlines():
                print(f"#   {line}", flush=True)
    return bool(ok)


def equal(sentence, got, want):
    """check() that got == want; shows both."""
    return check(sentence, got == want, f"got:  {got!r}\nwant: {want!r}")


def contains(sentence, text, part):
    """check() that part is in text; shows both."""
    return check(sentence, part in text, f"not found: {part!r}\nin: {text!r}")


def note(text):
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


def done():
    """Print the plan and leave with 0 only if all passed."""
    global _finished
    _finished = True
    print(f"1..{_count}", flush=True)
    sys.exit(1 if _failed or not _count else 0)


def _unexpected(kind, value, trace):
    check(f"no {kind.__name__} stops this test", False, "".join(traceback.format_exception(kind, value, trace)))


def _plan_if_missing():
    if not _finished:
        print(f"1..{_count}", flush=True)


sys.excepthook = _unexpected  # the interpreter then exits with 1
atexit.register(_plan_if_missing)
