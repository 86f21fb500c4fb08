import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.*;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/** All that ZooKeeper's own client asks of a server, with what came of it. */
public class JavaClient {
    static final List<ACL> OPEN = ZooDefs.Ids.OPEN_ACL_UNSAFE;
    static final BlockingQueue<String> events = new LinkedBlockingQueue<>();

    static ZooKeeper connect(String address) throws Exception {
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeper made = new ZooKeeper(address, 10000, event -> {
            if (event.getType() == Watcher.Event.EventType.None) {
                connected.countDown();
            } else {
                events.add(event.getType() + " " + event.getPath());
            }
        });
        if (!connected.await(20, TimeUnit.SECONDS)) throw new IllegalStateException("no session");
        return made;
    }

    static void report(String what, Callable<?> action) {
        Object result;
        try {
            result = action.call();
        } catch (Exception e) {
            result = e.toString();
        }
        System.out.println(what + ": " + result);
    }

    static String describe(Stat s) {
        if (s == null) return "none";
        return "czxid " + s.getCzxid() + " mzxid " + s.getMzxid() + " pzxid " + s.getPzxid() + " versions " + s.getVersion() + " " + s.getCversion()
            + " " + s.getAversion() + " length " + s.getDataLength() + " children " + s.getNumChildren() + " owned " + (s.getEphemeralOwner() != 0);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String event(int count) throws Exception {
        List<String> seen = new ArrayList<>();
        for (int i = 0; i < count; i++) seen.add(events.poll(20, TimeUnit.SECONDS));
        return seen.toString();
    }

    public static void main(String[] arguments) throws Exception {
        ZooKeeper one = connect(arguments[0]);
        ZooKeeper two = connect(arguments[0]);
        report("root", () -> describe(one.exists("/", false)) + " " + one.getChildren("/", false));
        report("config", () -> new String(one.getConfig(false, null)));
        for (CreateMode mode : CreateMode.values()) {
            report("create " + mode, () -> {
                Stat stat = new Stat();
                return one.create("/" + mode + "-", bytes("x"), OPEN, mode, stat, mode.isTTL() ? 60000 : -1) + " " + describe(stat);
            });
        }
        report("create null", () -> one.create("/null", null, OPEN, CreateMode.PERSISTENT));
        report("get null", () -> one.getData("/null", false, null) == null);
        report("exists", () -> describe(one.exists("/null", false)));
        report("set", () -> describe(one.setData("/null", bytes("now"), 0)));
        report("set at a wrong version", () -> one.setData("/null", null, 0));
        report("no node", () -> one.getData("/missing/child", false, null));
        report("node exists", () -> one.create("/null", null, OPEN, CreateMode.PERSISTENT));
        report("no parent", () -> one.create("/missing/child", null, OPEN, CreateMode.PERSISTENT));
        report("child of an ephemeral", () -> one.create("/EPHEMERAL-/child", null, OPEN, CreateMode.PERSISTENT));
        report("children", () -> {
            for (String name : new String[] {"b", "a", "ü", "with space"}) one.create("/null/" + name, null, OPEN, CreateMode.PERSISTENT);
            Stat stat = new Stat();
            List<String> children = one.getChildren("/null", false, stat);
            children.sort(null);
            return children + " " + describe(stat) + " " + one.getAllChildrenNumber("/null");
        });
        report("not empty", () -> { one.delete("/null", -1); return "deleted"; });
        report("delete a fixed node", () -> { one.delete("/zookeeper/quota", -1); return "deleted"; });
        report("ephemerals", () -> { List<String> all = one.getEphemerals(); all.sort(null); return all; });
        report("multi", () -> {
            List<String> results = new ArrayList<>();
            for (OpResult r : one.multi(Arrays.asList(Op.create("/m", bytes("1"), OPEN, CreateMode.PERSISTENT), Op.setData("/m", bytes("2"), 0),
                Op.check("/m", 1), Op.create("/m/s-", null, OPEN, CreateMode.EPHEMERAL_SEQUENTIAL), Op.delete("/null/a", 0)))) {
                results.add(r instanceof OpResult.CreateResult ? ((OpResult.CreateResult) r).getPath() : r.getClass().getSimpleName());
            }
            return results;
        });
        report("multi undone", () -> {
            try {
                return one.multi(Arrays.asList(Op.delete("/null/b", -1), Op.check("/m", 7), Op.delete("/m", -1)));
            } catch (KeeperException e) {
                List<Integer> codes = new ArrayList<>();
                for (OpResult r : e.getResults()) codes.add(((OpResult.ErrorResult) r).getErr());
                return e + " " + codes + " " + (one.exists("/null/b", false) != null);
            }
        });
        report("multi of reads", () -> {
            List<String> results = new ArrayList<>();
            for (OpResult r : one.multi(Arrays.asList(Op.getData("/m"), Op.getChildren("/m"), Op.getData("/missing")))) {
                results.add(r.getClass().getSimpleName());
            }
            return results;
        });
        report("auth", () -> {
            one.addAuthInfo("digest", bytes("user:password"));
            one.create("/private", bytes("secret"), ZooDefs.Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
            return one.getACL("/private", null);
        });
        report("no auth", () -> two.getData("/private", false, null));
        report("set ACL", () -> describe(one.setACL("/private", Arrays.asList(new ACL(ZooDefs.Perms.ALL, ZooDefs.Ids.AUTH_IDS),
            new ACL(ZooDefs.Perms.READ, new Id("ip", "127.0.0.1"))), 0)));
        report("read by address", () -> new String(two.getData("/private", false, null)) + " " + two.getACL("/private", null).size());
        report("bad ACL", () -> one.create("/bad", null, Arrays.asList(new ACL(1, new Id("unknown", "x"))), CreateMode.PERSISTENT));

        two.exists("/watched", true);
        one.create("/watched", null, OPEN, CreateMode.PERSISTENT);
        report("watch created", () -> event(1));
        two.getData("/watched", true, null);
        two.getChildren("/watched", true);
        one.setData("/watched", bytes("1"), -1);
        one.create("/watched/child", null, OPEN, CreateMode.PERSISTENT);
        report("watch changed", () -> event(2));
        two.addWatch("/watched", event -> events.add("recursive " + event.getType() + " " + event.getPath()), AddWatchMode.PERSISTENT_RECURSIVE);
        one.create("/watched/child/deep", null, OPEN, CreateMode.PERSISTENT);
        one.setData("/watched/child/deep", bytes("2"), -1);
        one.delete("/watched/child/deep", -1);
        report("persistent recursive", () -> event(3));
        report("remove watches", () -> { two.removeAllWatches("/watched", Watcher.WatcherType.Any, false); return event(1); });
        report("remove watches again", () -> { two.removeAllWatches("/watched", Watcher.WatcherType.Any, false); return "removed"; });
        two.addWatch("/watched", AddWatchMode.PERSISTENT);
        one.create("/watched/again", null, OPEN, CreateMode.PERSISTENT);
        one.setData("/watched", bytes("3"), -1);
        report("persistent", () -> event(2));
        report("watch of one's own end", () -> { two.exists("/EPHEMERAL-", true); one.close(); return event(1); });
        report("ephemerals are gone", () -> describe(two.exists("/EPHEMERAL-", false)) + describe(two.exists("/m/s-0000000000", false)));
        report("sync", () -> {
            CountDownLatch done = new CountDownLatch(1);
            two.sync("/watched", (code, path, context) -> { System.out.println(code + " " + path); done.countDown(); }, null);
            return done.await(20, TimeUnit.SECONDS);
        });
        report("at the end", () -> describe(two.exists("/", false)));
        two.close();
    }
}
