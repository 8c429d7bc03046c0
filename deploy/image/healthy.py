"""Whether the service of this container answers: exit 0 or 1. It has no shell and no curl to ask with."""

import os
import ssl
import sys
import urllib.request

port = os.environ.get("APIBENCH_HTTP", "127.0.0.1:8090").rpartition(":")[2]
scheme = "https" if os.environ.get("APIBENCH_CERTIFICATE_FILE") else "http"
# It is asked over loopback, where its certificate has another name: only whether it answers is of interest.
context = ssl._create_unverified_context()  # noqa: S323, SLF001
try:
    with urllib.request.urlopen(f"{scheme}://127.0.0.1:{port}/healthz", timeout=3, context=context) as answer:  # noqa: S310
        sys.exit(0 if answer.status == 200 else 1)
except OSError as error:
    sys.exit(str(error))
