{{/* Whether runs can be started, asked as users would. Told: the URL, and the CA's file if there are certificates. */}}
{{- define "apibench.askReady" -}}
import ssl, sys, time, urllib.request
url, *ca_file = sys.argv[1:]
context = ssl.create_default_context(cafile=ca_file[0]) if ca_file else None
for attempt in range(30):
    try:
        with urllib.request.urlopen(url, timeout=3, context=context) as answer:
            sys.exit(print(answer.read().decode()))
    except OSError as error:
        said = f"{url}: {error}"
        time.sleep(2)
sys.exit(said)
{{- end }}

{{/* Whether each controller elsewhere is reached, and takes our certificate: then it says its settings of HTTP/2. Told: the certificates' folder or nothing, and addresses. */}}
{{- define "apibench.dialControllers" -}}
import socket, ssl, sys, time
folder, *addresses = sys.argv[1:]
context = None
if folder:
    context = ssl.create_default_context(cafile=f"{folder}/ca.crt")
    context.load_cert_chain(f"{folder}/tls.crt", f"{folder}/tls.key")
    context.set_alpn_protocols(["h2"])
def dial(address):
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    with socket.create_connection((host, int(port)), timeout=3) as link:
        if context:
            link = context.wrap_socket(link, server_hostname=host)
        link.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        if link.makefile("rb").read(9)[3:4] != b"\x04":
            raise OSError("no controller answers there")
for attempt in range(30):
    said = []
    for address in addresses:
        try:
            dial(address)
        except OSError as error:
            said.append(f"{address}: {error}")
    if not said:
        sys.exit(print("reached:", *addresses))
    time.sleep(2)
sys.exit("\n".join(said))
{{- end }}
