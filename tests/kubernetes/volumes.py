"""What a kubelet makes for a pod's containers: volumes as folders, and the environment."""

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.kubernetes.api import Api, Object

Spec = Mapping[str, Any]
_HOURS_S = 3_607
_STEP = re.compile(r"\.?([^.\[]+)|\['([^']*)'\]")
"""Of paths like `metadata.annotations['of.this/name']`."""


class Volumes:
    """Of one pod. What its secrets and ConfigMaps say is read when it is asked for. All raise Refused."""

    def __init__(self, api: Api, pod: Object, folder: Path, address: str) -> None:
        self._api = api
        self._pod = pod
        self._folder = folder
        self._address = address
        self._namespace: str = pod["metadata"]["namespace"]
        self._disks: dict[str, Path] = {}
        """Those that outlive it, by the names of its volumes."""

    def make(self) -> None:
        """All of them."""
        for volume in self._pod["spec"].get("volumes", []):
            folder = self._folder / volume["name"]
            folder.mkdir(exist_ok=True)
            match volume:
                case {"emptyDir": _}:
                    pass
                case {"persistentVolumeClaim": of}:
                    self._disks[volume["name"]] = self._disk(of["claimName"])
                case {"secret": of}:
                    self._write(folder, self._secret(of["secretName"]), of)
                case {"configMap": of}:
                    self._write(folder, self._config_map(of["name"]), of)
                case {"projected": of}:
                    for source in of["sources"]:
                        self._project(folder, source)
                case _:
                    raise NotImplementedError(f"no such volume is made here: {volume}")

    def mounts(self, container: Spec) -> dict[str, Path]:
        """What of them is to be found where in a container."""
        return {
            each["mountPath"]: self._disks.get(each["name"], self._folder / each["name"])
            for each in container.get("volumeMounts", [])
        }

    def environment(self, container: Spec) -> dict[str, str]:
        """Of a container."""
        found = {}
        for each in container.get("env", []):
            match each.get("valueFrom"):
                case None:
                    found[each["name"]] = each.get("value", "")
                case {"secretKeyRef": of}:
                    found[each["name"]] = self._secret(of["name"])[of["key"]].decode()
                case {"configMapKeyRef": of}:
                    found[each["name"]] = self._config_map(of["name"])[of["key"]].decode()
                case {"fieldRef": of}:
                    found[each["name"]] = self._field(of["fieldPath"])
                case _:
                    raise NotImplementedError(f"no such variable is made here: {each}")
        return found

    def _project(self, folder: Path, source: Spec) -> None:
        match source:
            case {"serviceAccountToken": of}:
                (folder / of["path"]).write_text(self._token(of.get("expirationSeconds", _HOURS_S)))
            case {"configMap": of}:
                self._write(folder, self._config_map(of["name"]), of)
            case {"secret": of}:
                self._write(folder, self._secret(of["name"]), of)
            case {"downwardAPI": of}:
                for item in of["items"]:
                    (folder / item["path"]).write_text(self._field(item["fieldRef"]["fieldPath"]))
            case _:
                raise NotImplementedError(f"no such source is known here: {source}")

    def _token(self, seconds: int) -> str:
        """A token of the pod's account, which holds as long as the pod is there."""
        account = self._pod["spec"]["serviceAccountName"]
        name, uid = (self._pod["metadata"][key] for key in ("name", "uid"))
        bound = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}
        answer = self._api.ask(
            "POST",
            f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{account}/token",
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": seconds, "boundObjectRef": bound},
            },
        )
        token: str = answer["status"]["token"]
        return token

    def _disk(self, claim: str) -> Path:
        """Of a claim: the scheduler lets its pod wait until it has one."""
        bound = self._api.ask("GET", f"/api/v1/namespaces/{self._namespace}/persistentvolumeclaims/{claim}")
        volume = self._api.ask("GET", f"/api/v1/persistentvolumes/{bound['spec']['volumeName']}")
        return Path(volume["spec"]["hostPath"]["path"])

    def _secret(self, name: str) -> dict[str, bytes]:
        data = self._api.ask("GET", f"/api/v1/namespaces/{self._namespace}/secrets/{name}").get("data", {})
        return {key: base64.b64decode(value) for key, value in data.items()}

    def _config_map(self, name: str) -> dict[str, bytes]:
        data = self._api.ask("GET", f"/api/v1/namespaces/{self._namespace}/configmaps/{name}").get("data", {})
        return {key: value.encode() for key, value in data.items()}

    def _field(self, path: str) -> str:
        if path == "status.podIP":
            return self._address
        value: Any = self._pod
        for name, key in _STEP.findall(path):
            value = value[name or key]
        return str(value)

    def _write(self, folder: Path, found: Mapping[str, bytes], of: Spec) -> None:
        items = of.get("items") or [{"key": key, "path": key} for key in found]
        for item in items:
            file = folder / item["path"]
            file.unlink(missing_ok=True)
            file.write_bytes(found[item["key"]])
            file.chmod(of.get("defaultMode", 0o644))
