#!/usr/bin/env bash
# Builds the whole file system of our images into an empty folder: Python out of Debian's packages, and the project. No
# shell, no package manager, no compiler. The Dockerfile and the tests call this, so that what is tested is what is shipped.
#
# Takes: a folder that is not there yet, and a wheel of the project, if there is one already. Needs: Debian 12, its
# Python 3.11 with venv, and without a wheel cargo and a C compiler. Run by root, the data's folder is its user's.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
sources=$(cd "$here/../.." && pwd)
if [ $# -lt 1 ] || [ $# -gt 2 ] || [ -e "$1" ]; then
  echo "usage: $0 FOLDER [WHEEL]; the folder must not be there yet" >&2
  exit 2
fi
project=${2:-$sources}
mkdir -p "$1"
root=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python=python3.11
user=10001
library=usr/local/lib/$python/dist-packages # where Debian's Python looks for what is installed beside it
home=var/lib/apibench

# What our Python and the libraries of the wheels are linked against; a test holds this list to what is there.
packages=(
  base-files ca-certificates tzdata
  libc6 libgcc-s1 libstdc++6 libcrypt1
  zlib1g libbz2-1.0 liblzma5 libexpat1 libffi8 libssl3 libsqlite3-0 libuuid1
  python3.11-minimal libpython3.11-minimal libpython3.11-stdlib
)

# Debian's folders are links into /usr, and packages of before that still have files in both.
for name in bin sbin lib lib64; do
  mkdir -p "$root/usr/$name"
  ln -s "usr/$name" "$root/$name"
done
(
  cd "$work"
  mkdir -p lists/partial cache/archives/partial
  debian=(-qq -o APT::Sandbox::User=root -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache")
  apt-get update "${debian[@]}"
  apt-get download "${debian[@]}" "${packages[@]}"
  for package in *.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar --extract --keep-directory-symlink --no-same-owner --directory "$root"
    dpkg-deb --show --showformat '${Package} ${Version} ${Architecture}\n' "$package"
  done > debian
)

# Maintainers' scripts do not run: what we need of theirs is done here.
cat "$root"/usr/share/ca-certificates/mozilla/*.crt > "$root/etc/ssl/certs/ca-certificates.crt"
ln -s ca-certificates.crt "$root/etc/ssl/certs/ca-bundle.crt"
mkdir -p "$root/usr/lib/ssl"
ln -sfn /etc/ssl/certs "$root/usr/lib/ssl/certs"
ln -sf ../certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
ln -sf "$python" "$root/usr/bin/python3"
printf 'root:x:0:0:root:/root:/usr/sbin/nologin\napibench:x:%d:%d:API Benchmark:/%s:/usr/sbin/nologin\n' $user $user $home > "$root/etc/passwd"
printf 'root:x:0:\napibench:x:%d:\n' $user > "$root/etc/group"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' > "$root/etc/nsswitch.conf"

# The project, with all that its services take, in the versions that were tested.
"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-compile --target "$root/$library" \
  --constraint "$here/constraints.txt" "$project[server,otel,k8s]"
"$work/venv/bin/pip" list --disable-pip-version-check --path "$root/$library" --format json > "$work/python"

# What nobody runs here.
rm -rf "$root"/usr/share/{doc,man,info,lintian,bug,locale,binfmts,applications,pixmaps,python3} "$root/$library/bin" \
  "$root/usr/lib/$python"/{ensurepip,idlelib,lib2to3,pydoc_data,tkinter,turtledemo,turtle.py,test} \
  "$root/usr/lib/$python"/lib-dynload/{_curses,_curses_panel,_dbm,_gdbm,_tkinter,nis,readline,_ctypes_test,_test*,_xx*}.* \
  "$root"/{boot,home,media,mnt,srv,opt} "$root"/var/* "$root"/usr/{games,include,src} "$root"/usr/sbin/* "$root"/etc/{update-motd.d,profile.d,cron.d}
find "$root/usr/bin" -mindepth 1 ! -name 'python3*' -delete
find "$root/$library" -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +

# Nothing can be written later on: what is imported is compiled here, and never compared with its source again.
"$python" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$root" -p / "$root/usr/lib/$python" "$root/$library"

install -D -m 0755 "$here/healthy.py" "$root/usr/local/bin/healthy.py"
"$python" "$here/bill_of_materials.py" "$work/debian" "$work/python" > "$root/usr/share/apibench.cdx.json"
mkdir -p "$root/$home" "$root/tmp" "$root/run"
chmod 1777 "$root/tmp"
if [ "$(id -u)" = 0 ]; then chown -R $user:$user "$root/$home"; fi
