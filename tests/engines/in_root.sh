#!/usr/bin/env bash
# Runs a command inside a root made by godot_root.sh, with one folder of this machine bound to the same path in it.
# Usage: in_root.sh ROOT FOLDER COMMAND…  The mounts belong to this process alone and end with it; `exec` all along, so that
# the process that is started here is the command itself and a signal reaches it.
set -euo pipefail
root="$1" folder="$2"
shift 2
exec unshare --mount --propagation private bash -c '
  root="$0"; folder="$1"; shift
  mount --rbind /proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mkdir -p "$root$folder"
  mount --bind "$folder" "$root$folder"
  exec chroot "$root" env HOME=/root XDG_RUNTIME_DIR=/tmp "$@"
' "$root" "$folder" "$@"
