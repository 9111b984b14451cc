"""What each program of the control plane is started with, and the files that its flags name."""

import dataclasses
from pathlib import Path

from seedjob_operator.devcluster import credentials

_ISSUER = "https://kubernetes.default.svc"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """The files of one control plane."""

    directory: Path

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.directory / "kubeconfig"

    @property
    def certificates(self) -> Path:
        """Where kube-apiserver writes the certificate that it makes for itself."""
        return self.directory / "certificates"

    @property
    def certificate(self) -> Path:
        """The serving certificate with its authority's."""
        return self.certificates / "apiserver.crt"

    @property
    def signing_key(self) -> Path:
        """The key of ServiceAccount tokens."""
        return self.directory / "service-account.key"

    @property
    def tokens(self) -> Path:
        """The administrator's token, as `--token-auth-file` reads it."""
        return self.directory / "tokens.csv"

    @property
    def data(self) -> Path:
        """What etcd stores."""
        return self.directory / "etcd"

    def write_credentials(self) -> str:
        """Write the key and the token, unless an earlier start did; returns the token."""
        credentials.write_once(self.signing_key, credentials.signing_key())
        return credentials.token_of(credentials.write_once(self.tokens, credentials.token_file_line()))


def etcd_flags(layout: Layout, port: int) -> list[str]:
    """Flags of an etcd with one member, which nobody else can join."""
    url = f"http://127.0.0.1:{port}"
    peers = "http://127.0.0.1:0"
    return [
        f"--data-dir={layout.data}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",  # a lost power supply may lose data here
        "--log-level=warn",
    ]


def apiserver_flags(layout: Layout, port: int, *, etcd_port: int) -> list[str]:
    """Flags of a kube-apiserver with RBAC, one administrator, and ServiceAccount tokens."""
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={layout.certificates}",
        f"--token-auth-file={layout.tokens}",
        f"--service-account-issuer={_ISSUER}",
        f"--service-account-key-file={layout.signing_key}",
        f"--service-account-signing-key-file={layout.signing_key}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/24",
        # It refuses pods until kube-controller-manager has made each namespace's default ServiceAccount.
        "--disable-admission-plugins=ServiceAccount",
    ]


def controller_manager_flags(layout: Layout) -> list[str]:
    """Flags of a kube-controller-manager that is alone and serves nothing itself."""
    return [
        f"--kubeconfig={layout.kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--service-account-private-key-file={layout.signing_key}",
        f"--root-ca-file={layout.certificate}",
        "--use-service-account-credentials=false",
    ]
