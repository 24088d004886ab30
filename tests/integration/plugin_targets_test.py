"""What TARGET and -c stand for, as kubectl has it, against a real API server with its controllers:
every kind of workload, the containers of a pod, and pods that cannot be entered."""

import json

import agent_pods
import pytest
import roles
from agent_pods import Plugin, pod, pod_spec
from bed import image
from bed.deadline import wait_until
from conftest import BUILD_DIR

NOTE = 'Defaulted container "app" out of: app, side\n'


def workload(kind: str, name: str, version: str = "apps/v1", **fields) -> dict:
    """Of pods that are labelled with its name, and tell it."""
    template = {"metadata": {"labels": {"app": name}}, "spec": pod_spec({"name": "app"})}
    return {"apiVersion": version, "kind": kind, "metadata": {"namespace": "shop", "name": name},
            "spec": {**fields, "template": template}}


def selector(name: str) -> dict:
    return {"selector": {"matchLabels": {"app": name}}}


def job_template(name: str) -> dict:
    spec = pod_spec({"name": "app"}, restartPolicy="Never")
    return {"spec": {"template": {"metadata": {"labels": {"app": name}}, "spec": spec}}}


WORKLOADS = [
    workload("Deployment", "dep", replicas=1, **selector("dep")),
    # An expression beside labels.
    workload("ReplicaSet", "rep", replicas=1, selector={
        "matchExpressions": [{"key": "app", "operator": "In", "values": ["rep"]},
                             {"key": "other", "operator": "DoesNotExist"}]}),
    workload("StatefulSet", "stateful", serviceName="none", replicas=1, **selector("stateful")),
    workload("DaemonSet", "daemon", **selector("daemon")),
    {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"namespace": "shop", "name": "once"},
     **job_template("once")},
    {"apiVersion": "batch/v1", "kind": "CronJob",
     "metadata": {"namespace": "shop", "name": "nightly"},
     "spec": {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": job_template("nightly")}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "shop", "name": "front"},
     "spec": {"selector": {"app": "dep"}, "ports": [{"port": 80}]}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "shop", "name": "bare"},
     "spec": {"ports": [{"port": 80}]}},
    workload("Deployment", "idle", replicas=0, **selector("idle")),
]


@pytest.fixture(scope="module", name="cluster")
def cluster_fixture():
    with agent_pods.cluster_with_agent(BUILD_DIR) as running:
        running.apply(WORKLOADS)
        running.apply(pod("web", {"name": "app"}, {"name": "side"}))
        marked = pod("marked", {"name": "app"}, {"name": "side"})
        marked["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "side"}
        running.apply(marked)
        for name in ("web", "marked"):
            running.wait_for_pod("shop", name)
        yield running


def pods_of(cluster, label: str) -> list[dict]:
    return cluster.get(f"/api/v1/namespaces/shop/pods?labelSelector=app%3D{label}")["items"]


def wait_for_pod_of(cluster, label: str) -> str:
    """The name of the one pod with this label, when it is ready."""
    wait_until(lambda: pods_of(cluster, label), 60, f"a pod of {label}")
    name = pods_of(cluster, label)[0]["metadata"]["name"]
    cluster.wait_for_pod("shop", name)
    return name


@pytest.mark.parametrize("target, label", [
    ("deployment/dep", "dep"), ("deploy/dep", "dep"), ("deployments.apps/dep", "dep"),
    ("replicaset/rep", "rep"), ("rs/rep", "rep"),
    ("statefulset/stateful", "stateful"), ("sts/stateful", "stateful"),
    ("daemonset/daemon", "daemon"), ("ds/daemon", "daemon"),
    ("job/once", "once"), ("service/front", "dep"), ("svc/front", "dep"),
])
def test_a_workload_is_one_of_its_pods(cluster, ann, target, label):
    name = wait_for_pod_of(cluster, label)
    done = ann.run(target, "-n", "shop", "--", "hostname")
    assert (done.code, done.stdout.decode()) == (0, f"{name}\n"), done.stderr
    assert done.stderr == ""


def test_a_cronjob_is_its_newest_job(cluster, ann, admin):
    missing = ann.run("cronjob/nightly", "-n", "shop", "--", "hostname")
    assert missing.code == 242
    assert "cronjob nightly has no job" in missing.stderr
    for name in ("first", "second"):
        done = admin.end(admin.kubectl("create", "job", "-n", "shop", "--from=cronjob/nightly",
                                       name))
        assert done.code == 0, done.stderr
        # The times of objects are whole seconds.
        created = cluster.get(f"/apis/batch/v1/namespaces/shop/jobs/{name}")
        stamp = created["metadata"]["creationTimestamp"]
        wait_until(lambda stamp=stamp: now(cluster) > stamp, 5, "the next second")
        cluster.wait_for(f"/apis/batch/v1/namespaces/shop/jobs/{name}",
                         lambda found: found["status"].get("ready") == 1, f"job {name} runs")
    done = ann.run("cj/nightly", "-n", "shop", "--", "hostname")
    assert done.code == 0, done.stderr
    assert done.stdout.startswith(b"second-")


def now(cluster) -> str:
    """The API server's time, as objects have it."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    return cluster.control_plane.create(path, review)["metadata"]["creationTimestamp"]


def test_a_node(cluster, ann, admin):
    done = admin.run("node/node-1", "--", "sh", "-c", "readlink /proc/self/ns/net")
    assert done.code == 0, done.stderr
    denied = ann.run("no/node-1", "--", "true")
    assert denied.code == 241 and "nodes/exec" in denied.stderr
    missing = admin.run("node/node-9", "--", "true")
    assert missing.code == 243 and "no ns-debug agent on node node-9" in missing.stderr


@pytest.mark.parametrize("target, code, why", [
    ("deploy/none", 242, 'deployments.apps "none" not found'),
    ("deploy/idle", 242, "deployment idle has no pods"),
    ("svc/bare", 242, "service bare has no selector"),
    ("deploymnt/dep", 1, "did you mean deployment?"),
    ("ingress/dep", 1, "there is nothing to enter in a 'ingress'"),
])
def test_what_has_no_pod(ann, target, code, why):
    done = ann.run(target, "-n", "shop", "--", "true")
    assert done.code == code
    assert why in done.stderr


@pytest.mark.parametrize("arguments, host, note", [
    (["web"], b"web\n", NOTE),
    (["-q", "web"], b"web\n", ""),
    (["-c", "side", "web"], b"web\n", ""),
    (["marked"], b"marked\n", ""),
])
def test_the_default_container(ann, arguments, host, note):
    done = ann.run(*arguments, "-n", "shop", "--", "hostname")
    assert (done.code, done.stdout, done.stderr) == (0, host, note)


def test_the_note_is_kubectls(ann, admin):
    told = admin.end(admin.kubectl("exec", "web", "-n", "shop", "--", "hostname")).stderr
    assert told == NOTE == ann.run("web", "-n", "shop", "--", "hostname").stderr


def test_no_such_container(ann):
    done = ann.run("web", "-c", "none", "-n", "shop", "--", "true")
    assert done.code == 242
    assert "container none not found in pod web: it has app, side" in done.stderr


def container_state(name: str, reason: str, kind: str = "containerStatuses"):
    """Whether a container waits or runs for this reason."""
    def condition(found: dict) -> bool:
        statuses = [one for one in found["status"].get(kind, []) if one["name"] == name]
        return any(reason in json.dumps(one["state"]) for one in statuses)
    return condition


def test_init_containers_run_and_end(cluster, ann):
    cluster.apply(pod("starting", {"name": "app"}, initContainers=[
        {"name": "setup", "image": image.reference("busybox"), "imagePullPolicy": "Never",
         "command": ["sh", "-c", "until [ -e /tmp/go ]; do sleep 0.1; done"]}]))
    cluster.wait_for("/api/v1/namespaces/shop/pods/starting",
                     container_state("setup", "running", "initContainerStatuses"), "setup runs")
    done = ann.run("starting", "-n", "shop", "--", "true")
    assert done.code == 242
    assert "container app of pod starting does not run (PodInitializing)" in done.stderr
    done = ann.run("starting", "-c", "setup", "-n", "shop", "--", "touch", "/target/tmp/go")
    assert done.code == 0, done.stderr
    cluster.wait_for_pod("shop", "starting")
    done = ann.run("starting", "-c", "setup", "-n", "shop", "--", "true")
    assert done.code == 242
    assert "container setup of pod starting has ended (Completed, exit code 0)" in done.stderr


def test_ephemeral_containers(cluster, ann, admin):
    done = admin.end(admin.kubectl("debug", "web", "-n", "shop", "-c", "probe", "--profile",
                                   "general", f"--image={image.reference('busybox')}",
                                   "--image-pull-policy=Never", "--", "sleep", "86397"))
    assert done.code == 0, done.stderr
    cluster.wait_for("/api/v1/namespaces/shop/pods/web",
                     container_state("probe", "running", "ephemeralContainerStatuses"), "probe")
    done = ann.run("web", "-c", "probe", "-n", "shop", "--", "ps", "-o", "args")
    assert done.code == 0 and b"sleep 86397" in done.stdout, done


@pytest.mark.parametrize("name, container, reason", [
    ("no-image", {"image": "localhost/nsdbg/none:bed"}, "ErrImageNeverPull"),
    ("crashes", {"command": ["false"]}, "CrashLoopBackOff"),
])
def test_what_does_not_run_is_entered_as_a_sandbox(cluster, ann, name, container, reason):
    cluster.apply(pod(name, {"name": "app", **container}))
    cluster.wait_for(f"/api/v1/namespaces/shop/pods/{name}", container_state("app", reason), name)
    done = ann.run(name, "-n", "shop", "--", "hostname")
    assert done.code == 242
    assert "--sandbox" in done.stderr and "error: container" in done.stderr
    done = ann.run(name, "--sandbox", "-n", "shop", "--", "hostname")
    assert (done.code, done.stdout.decode()) == (0, f"{name}\n"), done.stderr


def test_completed_and_unscheduled_pods(cluster, ann):
    cluster.apply(pod("over", {"name": "app", "command": ["true"]}, restartPolicy="Never"))
    cluster.apply(pod("homeless", {"name": "app"}, nodeSelector={"none": "such"}))
    cluster.wait_for("/api/v1/namespaces/shop/pods/over",
                     lambda found: found["status"]["phase"] == "Succeeded", "over has ended")
    done = ann.run("over", "-n", "shop", "--", "true")
    assert done.code == 242
    assert "completed pod; current phase is Succeeded" in done.stderr
    cluster.wait_for("/api/v1/namespaces/shop/pods/homeless", lambda found: "Unschedulable" in
                     json.dumps(found["status"].get("conditions", [])), "homeless is known")
    done = ann.run("homeless", "-n", "shop", "--", "true")
    assert done.code == 242
    assert "pod homeless is not assigned to a node (Unschedulable)" in done.stderr


def test_who_may_not_see_the_workload(cluster):
    agent_pods.bind(cluster, "ns-debug-user", roles.user("cat"), roles.review_of(
        roles.user("cat"), "create", "pods/exec", "shop", "web"))
    cat = Plugin(cluster, BUILD_DIR, cluster.control_plane.kubeconfig("cat", "cat"))
    done = cat.run("deploy/dep", "-n", "shop", "--", "true")
    assert done.code == 241
    assert 'User "cat" cannot get resource "deployments"' in done.stderr
    assert "hint: " in done.stderr
