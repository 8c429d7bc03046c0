"""Disks that are made for claims, as a storage driver does: each a folder of this machine, gone with its claim."""

import shutil
from pathlib import Path

from tests.kubernetes.api import Api, Object

CLASS: Object = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "folders", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "tests/folders",
}
"""Of claims that name none."""
VOLUMES = "/api/v1/persistentvolumes"


class Disks:
    """That there are. What is bound to what is said by Kubernetes itself."""

    def __init__(self, api: Api, folder: Path) -> None:
        self._api = api
        self._folder = folder
        folder.mkdir()

    def start(self) -> None:
        """Have it known that there can be some."""
        self._api.ask("POST", "/apis/storage.k8s.io/v1/storageclasses", CLASS)

    def hear(self, kind: str, claim: Object) -> None:
        """What has become of a claim."""
        metadata, spec = claim["metadata"], claim["spec"]
        name = f"disk-{metadata['uid']}"
        path = self._folder / name
        if kind == "DELETED":
            self._api.ask("DELETE", f"{VOLUMES}/{name}")
            shutil.rmtree(path)
        elif not path.exists():
            path.mkdir()
            of = {"kind": "PersistentVolumeClaim", **{key: metadata[key] for key in ("namespace", "name", "uid")}}
            said = {
                "accessModes": spec["accessModes"],
                "capacity": spec["resources"]["requests"],
                "storageClassName": spec["storageClassName"],
                "claimRef": {"apiVersion": "v1", **of},
                "hostPath": {"path": str(path)},
            }
            volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": said}
            self._api.ask("POST", VOLUMES, volume)
