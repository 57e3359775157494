#!/usr/bin/env bash
# Makes a small Debian with a real Godot in it, for tests: a folder to chroot into. Usage: godot_root.sh FOLDER
# Debian's own `sid` has Godot 4; the mirror is the one that apt here uses. Prints the folder, or `skipped: why` (and ends with 0).
set -euo pipefail
root="$1"
packages=godot,xvfb,libgl1-mesa-dri,libgl1,libglx-mesa0,libegl1,mesa-vulkan-drivers,libvulkan1,fonts-dejavu-core

skip() { echo "skipped: $*"; exit 0; }

[ -e "$root/.complete" ] && { echo "$root"; exit 0; }
[ "$(id -u)" = 0 ] || skip "a Godot root is made and entered by root only; put godot 4.4 or newer on PATH or in \$GODOT"
unshare --mount true 2>/dev/null || skip "no mounts may be made here; put godot 4.4 or newer on PATH or in \$GODOT"
command -v apt-get >/dev/null || skip "no apt here; put godot 4.4 or newer on PATH or in \$GODOT"
mirror="${DEBIAN_MIRROR:-}"
if [ -z "$mirror" ]; then
  . /etc/os-release
  [ "${ID:-}" = debian ] || skip "the mirror's address is taken from Debian's apt; set DEBIAN_MIRROR to one"
  mirror="$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
    awk -v release="$VERSION_CODENAME" '$2 == release && $3 == "main" { print $1; exit }')"
  if [ -z "$mirror" ]; then  # no lists were fetched yet
    apt-get update -qq >&2
    mirror="$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
      awk -v release="$VERSION_CODENAME" '$2 == release && $3 == "main" { print $1; exit }')"
  fi
  [ -n "$mirror" ] || skip "apt knows no Debian mirror; set DEBIAN_MIRROR to one"
fi
if ! command -v mmdebstrap >/dev/null; then
  { apt-get install -y -qq mmdebstrap || { apt-get update -qq && apt-get install -y -qq mmdebstrap; }; } >&2 ||
    skip "mmdebstrap could not be installed"
fi
mkdir -p "$(dirname "$root")"
rm -rf --one-file-system "$root" "$root.part"
mmdebstrap --quiet --mode=root --variant=essential --include="$packages" \
  --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Retries "3"' --dpkgopt='path-exclude=/usr/share/doc/*' \
  sid "$root.part" "$mirror" >&2 || { rm -rf --one-file-system "$root.part"; skip "Godot could not be fetched from the mirror"; }
touch "$root.part/.complete"
mv "$root.part" "$root"
echo "$root"
