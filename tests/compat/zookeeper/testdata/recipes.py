"""Kazoo's recipes on the server at the given address; prints what each came to."""
import sys
import threading

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, NodeExistsError, NotEmptyError

address = sys.argv[1]


def connected(**options):
    client = KazooClient(address, timeout=10.0, **options)
    client.start(timeout=20)
    return client


def report(*words):
    print(*words, flush=True)


def in_thread(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def eventually(what, condition):
    seen = threading.Event()
    for _ in range(4000):
        if condition():
            return
        seen.wait(0.005)
    sys.exit("never: " + what)


one, two = connected(), connected()

# Locks: one after the other, by line, shared and exclusive, counted.
first, second = one.Lock("/lock", "first"), two.Lock("/lock", "second")
report("lock", first.acquire(), second.acquire(blocking=False))
taken = []
waiting = in_thread(lambda: taken.append(second.acquire(timeout=20)))
eventually("two contenders", lambda: len(first.contenders()) == 2)
report("lock contenders", first.contenders())
first.release()
waiting.join(20)
report("lock passed on", taken)
second.release()
reader, writer = one.ReadLock("/shared"), two.WriteLock("/shared")
reader2 = two.ReadLock("/shared")
report("read locks", reader.acquire(), reader2.acquire(), writer.acquire(blocking=False))
reader.release(), reader2.release()
report("write lock", writer.acquire(timeout=20), reader.acquire(blocking=False))
writer.release()
semaphores = [one.Semaphore("/semaphore", "a", 2), two.Semaphore("/semaphore", "b", 2), two.Semaphore("/semaphore", "c", 2)]
report("semaphore", [s.acquire(blocking=False) for s in semaphores], sorted(semaphores[0].lease_holders()))
[s.release() for s in semaphores]

# A lock whose holder's session ends is passed on.
third = connected()
held = third.Lock("/lock-of-a-session", "gone")
held.acquire()
heir = one.Lock("/lock-of-a-session", "heir")
waiting = in_thread(lambda: taken.append(heir.acquire(timeout=20)))
eventually("the heir waits", lambda: len(heir.contenders()) == 2)
third.stop(), third.close()
waiting.join(20)
report("inherited lock", taken, heir.contenders())

# Election: led by one, then by the other.
led, go_on = [], threading.Event()
elections = [one.Election("/election", "one"), two.Election("/election", "two")]
leading = in_thread(elections[0].run, lambda: (led.append("one"), go_on.wait(20)))
eventually("one leads", lambda: led)
following = in_thread(elections[1].run, lambda: led.append("two"))
eventually("two stand", lambda: len(elections[0].contenders()) == 2)
report("election", led, elections[0].contenders())
go_on.set(), leading.join(20), following.join(20)
report("election after", led)

# Parties.
for kind in ("Party", "ShallowParty"):
    parties = [getattr(c, kind)("/" + kind, n) for c, n in ((one, "one"), (two, "two"))]
    [p.join() for p in parties]
    report(kind, sorted(parties[0]), len(parties[1]))
    parties[0].leave()
    report(kind, sorted(parties[1]))

# Barriers.
barrier = one.Barrier("/barrier")
barrier.create()
report("barrier", barrier.wait(0.05))
waited = []
waiting = in_thread(lambda: waited.append(two.Barrier("/barrier").wait(20)))
report("barrier removed", barrier.remove())
waiting.join(20)
report("barrier waited", waited)
passed, doubles = [], [c.DoubleBarrier("/double", 2, n) for c, n in ((one, "one"), (two, "two"))]
threads = [in_thread(lambda d=d: (d.enter(), passed.append("in"), d.leave(), passed.append("out"))) for d in doubles]
[t.join(20) for t in threads]
report("double barrier", sorted(passed), one.exists("/double/ready") is None, one.get_children("/double"))

# Queues.
queue = one.Queue("/queue")
for value, priority in ((b"late", 200), (b"first", 100), (b"second", 100)):
    queue.put(value, priority)
report("queue", len(queue), [two.Queue("/queue").get() for _ in range(4)])
locking, other = one.LockingQueue("/locking"), two.LockingQueue("/locking")
locking.put_all([b"a", b"b"])
report("locking queue", locking.get(5), other.get(5), locking.consume(), other.holds_lock(), other.release(), locking.get(5), locking.consume(), len(other))

# Counters.
counters = [c.Counter("/counter") for c in (one, two)]


def count(counter):
    for _ in range(25):
        counter += 1


threads = [in_thread(count, counter) for counter in counters]
[t.join(20) for t in threads]
counters[0] -= 7
report("counter", counters[1].value, one.Counter("/float", default=1.5).value)

# Transactions: all or nothing.
transaction = one.transaction()
transaction.create("/t", b"x")
transaction.set_data("/t", b"y", version=0)
transaction.check("/t", 1)
transaction.create("/t/child-", sequence=True)
results = transaction.commit()
report("transaction", [r if isinstance(r, str) else getattr(r, "version", r) for r in results])
transaction = one.transaction()
transaction.create("/t2")
transaction.delete("/t", version=9)
transaction.delete("/t/child-0000000000")
report("transaction undone", [type(r).__name__ for r in transaction.commit()], one.exists("/t2"))

# Watchers.
one.ensure_path("/watched")
data, children, events = [], [], []
two.DataWatch("/watched/data")(lambda value, stat, event: data.append((value, stat and stat.version, event and event.type)))
two.ChildrenWatch("/watched", send_event=True)(lambda names, event: children.append((sorted(names), event and event.type)))
for number, change in enumerate((lambda: one.create("/watched/data", b"1"), lambda: one.set("/watched/data", b"2"), lambda: one.delete("/watched/data"))):
    change()
    eventually("the data watch tells", lambda: len(data) == number + 2)
eventually("the children watch tells", lambda: len(children) == 3)
report("data watch", data)
report("children watch", children)
one.create("/watched/once", b"")
two.get("/watched/once", watch=lambda event: events.append((event.type, event.state, event.path)))
two.get_children("/watched", watch=lambda event: events.append((event.type, event.state, event.path)))
one.delete("/watched/once")
eventually("both watches tell", lambda: len(events) == 2)
report("watches", events)
one.create("/watched/p/q", b"", makepath=True)
from kazoo.recipe.cache import TreeCache
cache = TreeCache(two, "/watched")
cache.start()
eventually("the cache is filled", lambda: cache.get_data("/watched/p/q") is not None)
one.set("/watched/p/q", b"cached")
eventually("the cache follows", lambda: cache.get_data("/watched/p/q").data == b"cached")
report("tree cache", sorted(cache.get_children("/watched")))
cache.close()

# Errors, ACLs, chroots.
for what in (lambda: one.create("/t"), lambda: one.set("/t", b"", version=5), lambda: one.delete("/t")):
    try:
        what()
    except (NodeExistsError, BadVersionError, NotEmptyError) as e:
        report("error", type(e).__name__)
one.add_auth("digest", "user:password")
from kazoo.security import make_digest_acl
one.create("/private", b"secret", acl=[make_digest_acl("user", "password", all=True)])
try:
    two.get("/private")
except Exception as e:
    report("private", type(e).__name__, one.get("/private")[0], one.get_acls("/private")[0])
report("chroot", KazooClient(address + "/chroot").chroot, one.ensure_path("/chroot/a"))
inside = KazooClient(address + "/chroot")
inside.start(timeout=20)
report("inside", inside.get_children("/"), inside.get("/a")[1].version)
inside.stop(), inside.close()
report("words", one.command(b"ruok"), "Zxid" in one.command(b"srvr"))
[(c.stop(), c.close()) for c in (one, two)]
