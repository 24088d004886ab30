"""The cluster's certificate authorities, and what they sign.

Each purpose has an authority of its own, as a careful cluster has it: a certificate that is taken
for another purpose than its own is then seen as the mistake that it is.
"""

import pathlib
import subprocess
import typing

_DAYS = "1"
# The machine's own configuration would add its extensions to ours, and Go refuses doubles.
_CONFIG = "[req]\ndistinguished_name = subject\n[subject]\n"


class Certificate(typing.NamedTuple):
    """Paths of a certificate and its private key, both PEM."""

    certificate: pathlib.Path
    key: pathlib.Path


class Authority:
    """One certificate authority: `certificate` is what its verifiers are given."""

    def __init__(self, folder: pathlib.Path, name: str):
        self._folder = folder / name
        self._folder.mkdir(mode=0o700, parents=True)
        self._config = self._folder / "openssl.cnf"
        self._config.write_text(_CONFIG)
        self._issued = 0
        authority = self._request("ca", f"/CN={name}", [
            "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign",
            "subjectKeyIdentifier=hash",
        ])
        self.certificate = authority.certificate
        self._key = authority.key

    def server(self, name: str, addresses: list[str], names: list[str]) -> Certificate:
        """A serving certificate for these IP addresses and DNS names."""
        hosts = [f"IP:{address}" for address in addresses] + [f"DNS:{name}" for name in names]
        return self._sign(f"/CN={_escape(name)}", "serverAuth",
                          [f"subjectAltName={','.join(hosts)}"])

    def client(self, user: str, groups: list[str]) -> Certificate:
        """A client certificate as Kubernetes reads it: CN is the user, each O a group."""
        subject = f"/CN={_escape(user)}" + "".join(f"/O={_escape(group)}" for group in groups)
        return self._sign(subject, "clientAuth", [])

    def expired_client(self, user: str, groups: list[str]) -> Certificate:
        """The same, but its time is over."""
        valid = self.client(user, groups)
        expired = valid.certificate.with_suffix(".expired.crt")
        # By a request of its own: openssl req -x509 takes no time in the past.
        request = expired.with_suffix(".csr")
        _openssl("x509", "-x509toreq", "-copy_extensions", "copyall", "-in",
                 str(valid.certificate), "-signkey", str(valid.key), "-out", str(request))
        _openssl("x509", "-req", "-copy_extensions", "copyall", "-in", str(request), "-days", "-1",
                 "-CA", str(self.certificate), "-CAkey", str(self._key), "-out", str(expired))
        return Certificate(expired, valid.key)

    def _sign(self, subject: str, usage: str, extensions: list[str]) -> Certificate:
        self._issued += 1
        return self._request(
            f"{self._issued}", subject,
            ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
             f"extendedKeyUsage={usage}", *extensions],
            "-CA", str(self.certificate), "-CAkey", str(self._key))

    def _request(self, name: str, subject: str, extensions: list[str],
                 *signer: str) -> Certificate:
        made = Certificate(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        added = [word for extension in extensions for word in ("-addext", extension)]
        _openssl(
            "req", "-x509", "-config", str(self._config), "-utf8", "-subj", subject,
            "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc",
            "-days", _DAYS, *added, *signer,
            "-out", str(made.certificate), "-keyout", str(made.key))
        return made


def signing_key(path: pathlib.Path) -> pathlib.Path:
    """A private key for the tokens of service accounts, written to `path`."""
    # In the old format: of that, the API server takes one file as the public key as well.
    _openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", str(path))
    return path


def _escape(text: str) -> str:
    """`text` as one value of openssl's -subj, where / begins the next one and + joins two."""
    return "".join(f"\\{letter}" if letter in "\\/+" else letter for letter in text)


def _openssl(*arguments: str) -> None:
    result = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {result.stderr.strip()}")
