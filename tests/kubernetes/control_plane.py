"""etcd, the API server, the controllers and the scheduler: real ones, of one release, with their rights checked."""

import contextlib
import json
import secrets
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Self

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.kubernetes.api import Api, Refused
from tests.network import HUB, Network

from apibench.assembly.certificate_folder import make_certificates

PORT = 6443
PATIENCE_S = 60.0
CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "job-controller",
    "garbage-collector-controller",
    "ttl-after-finished-controller",
    "namespace-controller",
    "disruption-controller",
    "endpointslice-controller",
    "resourcequota-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
)
"""Those that the chart, the agent and the tests need; what nodes do is for the tests' kubelet to say."""
USERS = {
    "admin": "admin,admin,system:masters",
    "controllers": "system:kube-controller-manager,controllers",
    "scheduler": "system:kube-scheduler,scheduler",
}
"""Who has a token, as which user, by which id and of which group. Rights are those that Kubernetes gives them."""
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
}


class ControlPlane:
    """At an address of the network's hub. A context that stops it at its end."""

    def __init__(self, program: Path, folder: Path, network: Network) -> None:
        self._program = program
        self._network = network
        self.folder = folder
        folder.mkdir()
        self.url = f"https://{HUB}:{PORT}"
        self._tokens = {name: secrets.token_hex(16) for name in USERS}
        self._running: list[subprocess.Popen[bytes]] = []
        self._write_files()
        self.api = Api(network, self.url, self.ca_file, self._tokens["admin"])

    @property
    def ca_file(self) -> Path:
        """Who signs the API server's certificate."""
        return self.folder / "certs" / "ca.pem"

    @property
    def kubeconfig(self) -> Path:
        """Of an admin."""
        return self.folder / "admin.kubeconfig"

    def asked_by(self, user: str) -> "Counter[tuple[str, str, str]]":
        """What a service account has asked for and was given, by verb, group and resource."""
        return Counter(deed for deed, allowed in self._deeds(user) if allowed)

    def refused_to(self, user: str) -> list[tuple[str, str, str]]:
        """What it had no right to."""
        return [deed for deed, allowed in self._deeds(user) if not allowed]

    def said(self) -> str:
        """The ends of all logs."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.stem}\n{log.read_text(errors='replace')[-3_000:]}" for log in logs)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.api.close()
        for process in reversed(self._running):
            process.kill()  # nobody needs what they would still put in order
            process.wait()

    def _start(self) -> None:
        self._launch(
            "etcd",
            f"--data-dir={self.folder}/etcd",
            "--unsafe-no-fsync",  # what is tested is not the disk
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
        )
        self._launch(
            "kube-apiserver",
            "--etcd-servers=http://127.0.0.1:2379",
            f"--bind-address={HUB}",
            f"--advertise-address={HUB}",
            f"--secure-port={PORT}",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--tls-cert-file={self.folder}/certs/controller.pem",
            f"--tls-private-key-file={self.folder}/certs/controller.key",
            f"--token-auth-file={self.folder}/tokens.csv",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.folder}/accounts.pub",
            f"--service-account-signing-key-file={self.folder}/accounts.key",
            f"--audit-policy-file={self.folder}/audit.json",
            f"--audit-log-path={self.folder}/audit.jsonl",
            "--audit-log-mode=blocking",
        )
        self._until_ready()
        self._launch(
            "kube-controller-manager",
            f"--kubeconfig={self.folder}/controllers.kubeconfig",
            f"--controllers={','.join(CONTROLLERS)}",
            "--use-service-account-credentials",
            f"--root-ca-file={self.ca_file}",
            "--leader-elect=false",
            "--secure-port=0",
        )
        self._launch(
            "kube-scheduler",
            f"--kubeconfig={self.folder}/scheduler.kubeconfig",
            "--leader-elect=false",
            "--secure-port=0",
        )

    def _launch(self, part: str, *flags: str) -> None:
        with (self.folder / f"{part}.log").open("wb") as log:
            self._running.append(
                subprocess.Popen(
                    [*self._network.entered("hub"), str(self._program), part, *flags],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    start_new_session=True,
                )
            )

    def _until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(httpx.TransportError, Refused):
                if self.api.text("/readyz") == "ok":
                    return
            if time.monotonic() > deadline or any(each.poll() is not None for each in self._running):
                pytest.fail(f"the API server is not ready\n{self.said()}")
            time.sleep(0.1)

    def _deeds(self, user: str) -> "list[tuple[tuple[str, str, str], bool]]":
        events = map(json.loads, (self.folder / "audit.jsonl").read_text().splitlines())
        return [
            (
                (event["verb"], event["objectRef"].get("apiGroup", ""), event["objectRef"]["resource"]),
                event["annotations"]["authorization.k8s.io/decision"] == "allow",
            )
            for event in events
            if event["user"]["username"] == user and "objectRef" in event
        ]

    def _write_files(self) -> None:
        make_certificates(self.folder / "certs", [HUB, "kubernetes.default.svc"], days=1, renew=False)
        key = rsa.generate_private_key(65_537, 2_048)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.folder / "accounts.key").write_bytes(private)
        (self.folder / "accounts.pub").write_bytes(public)
        (self.folder / "audit.json").write_text(json.dumps(AUDIT))
        lines = [f"{self._tokens[name]},{user}\n" for name, user in USERS.items()]
        (self.folder / "tokens.csv").write_text("".join(lines))
        for name, token in self._tokens.items():
            config = {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {"name": "tests", "cluster": {"server": self.url, "certificate-authority": str(self.ca_file)}}
                ],
                "users": [{"name": name, "user": {"token": token}}],
                "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": name}}],
                "current-context": "tests",
            }
            (self.folder / f"{name}.kubeconfig").write_text(json.dumps(config))
