#!/usr/bin/env bash
# Tries the manifests and the image of deploy/ for real: `make deploy-test` calls it, as root, with the static binary.
# kubernetes-validate looks at the manifests by the schemas of two versions; buildah builds the image; podman and runc run it
# with the security context, the mounts and the arguments of the DaemonSet, and it must name a container in a pod.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${1:?the static binary}
versions='1.28 1.34'

work=$(mktemp -d)
# shellcheck disable=SC2329 # the trap calls it
clean_up() {
	# Images have files and mounts of their own; a mount that is left must not be removed through.
	podman "${podman[@]}" rm --all --force >/dev/null 2>&1 || true
	umount -R "$work/storage" 2>/dev/null || true
	# What podman leaves to clean up after a container may still write there.
	for _ in $(seq 50); do
		! rm -rf --one-file-system "$work" 2>/dev/null || return 0
		sleep 0.1
	done
	rm -rf --one-file-system "$work"
}

# A mount namespace of its own: the hierarchy of cgroup v2 where it belongs, and log directories that are no host's.
if [ "${1:-}" ] && [ "${OPENTOP_IN_NAMESPACE:-}" != 1 ]; then
	rm -rf "$work"
	exec unshare -m env OPENTOP_IN_NAMESPACE=1 "$0" "$binary"
fi
podman=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs --cgroup-manager cgroupfs --runtime runc)
trap clean_up EXIT
[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || mount -t cgroup2 none /sys/fs/cgroup
mkdir "$work/log"
mount --bind "$work/log" /var/log

say() {
	echo "deploy-test: $*"
}

# What kubernetes-validate needs, in a place of its own.
if ! command -v kubernetes-validate >/dev/null; then
	python3 -m venv "$work/venv" && "$work/venv/bin/pip" --quiet install kubernetes-validate
	PATH=$work/venv/bin:$PATH
fi
command -v kubectl >/dev/null || { say "kubectl is missing (1.27 or later): https://kubernetes.io/docs/tasks/tools" >&2 && exit 1; }

for kind in base operator; do
	kubectl kustomize "deploy/kubernetes/$kind" >"$work/$kind.yaml"
done
for version in $versions; do
	kubernetes-validate --strict --quiet -k "$version" "$work/base.yaml"
	say "the manifests are valid in Kubernetes $version"
done
grep -q '^kind: PodMonitor' "$work/operator.yaml"

context=$work/image
install -D "$binary" "$context/opentop"
buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs build --isolation chroot --quiet \
	-t opentop:test -f deploy/Containerfile "$context" >/dev/null
say "the image is built"

# The pod, as JSON, and what podman calls its parts.
interpreter=python3
[ ! -x "$work/venv/bin/python3" ] || interpreter=$work/venv/bin/python3
"$interpreter" -c '
import json, sys, yaml
pod, = [d["spec"]["template"]["spec"] for d in yaml.safe_load_all(sys.stdin) if d["kind"] == "DaemonSet"]
json.dump(pod, sys.stdout)' <"$work/base.yaml" >"$work/pod.json"
mapfile -t flags < <(jq -r '
	.volumes as $volumes | .containers[0] |
	.securityContext as $context |
	($context.capabilities.drop[] | "--cap-drop=\(.)"),
	($context.capabilities.add[] | "--cap-add=\(.)"),
	"--user=\($context.runAsUser):\($context.runAsGroup)",
	(if $context.readOnlyRootFilesystem then "--read-only", "--read-only-tmpfs=false" else empty end),
	(if $context.allowPrivilegeEscalation then empty else "--security-opt=no-new-privileges" end),
	"--security-opt=seccomp=\($context.seccompProfile.type | ascii_downcase)",
	"--memory=\(.resources.limits.memory | sub("Mi$"; "m"))",
	(.volumeMounts[] | . as $mount | $volumes[] | select(.name == $mount.name) |
		"--volume=\(.hostPath.path):\($mount.mountPath)\(if $mount.readOnly then ":ro" else "" end)")' "$work/pod.json")
# A hierarchy of v1 may have the memory.
grep -qw memory /sys/fs/cgroup/cgroup.controllers || mapfile -t flags < <(printf '%s\n' "${flags[@]}" | grep -v '^--memory=')
[ "$(jq -r '.hostPID // .containers[0].securityContext.privileged // false' "$work/pod.json")" = false ]
# Engines in a container, as here, may give no more than they have.
limits=(--ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --pids-limit -1 --network none)

# A pod as the kubelet makes it.
uid=2b1a8c3e-5f1d-4a8e-9d6b-0c7e1f2a3b4c
id=4f3c2a1b0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a
slice=/sys/fs/cgroup/kubepods.slice/kubepods-pod${uid//-/_}.slice
[ ! -e /sys/fs/cgroup/kubepods.slice ] || { say "this host runs pods of its own: use another" >&2 && exit 1; }
mkdir -p "/var/log/pods/prod_web-1_$uid" /var/log/containers "$slice/cri-containerd-$id.scope"
ln -s /nowhere "/var/log/containers/web-1_prod_nginx-$id.log"
bash -c 'echo $$ >"$1/cgroup.procs"; while :; do : <"$0"; read -rt 0.05 <> <(:) || true; done' "$work/pod.json" "$slice/cri-containerd-$id.scope" &
opener=$!
# shellcheck disable=SC2329 # the trap calls it
end_pod() {
	kill "$opener" 2>/dev/null || true
	wait "$opener" 2>/dev/null || true
	rmdir "$slice/cri-containerd-$id.scope" "$slice" "${slice%/*}" || true
	clean_up
}
trap end_pod EXIT

run() {
	podman "${podman[@]}" run --rm "${limits[@]}" "${flags[@]}" "$@"
}

run localhost/opentop:test -o json -d 3 -F pod:^prod/web-1$ >"$work/lines"
opens=$(jq -s '[.[] | select(.pod == "web-1" and .namespace == "prod" and .container == "containerd:prod/web-1/nginx")] | length' "$work/lines")
[ "$opens" -gt 0 ] || { say "no open of the pod was named:" && tail -n 3 "$work/lines" && exit 1; }
say "$opens opens of prod/web-1/nginx were seen from the DaemonSet's container; $(tail -n 1 "$work/lines" | jq -r .hooks)"

mapfile -t args < <(jq -r '.containers[0].args[]' "$work/pod.json")
run --detach --name metrics localhost/opentop:test "${args[@]}" >/dev/null
pid=$(podman "${podman[@]}" inspect --format '{{.State.Pid}}' metrics)
named='^opentop_container_opens_total\{.*namespace="prod".*pod="web-1".*\} [1-9]'
for _ in $(seq 100); do
	nsenter -t "$pid" -n curl -sS --max-time 5 http://127.0.0.1:9435/metrics >"$work/metrics" 2>"$work/why" || true
	! grep -qE "$named" "$work/metrics" || break
	sleep 0.2
done
grep -E "$named" "$work/metrics" || { say "its metrics name no pod:" && cat "$work/why" "$work/metrics" && exit 1; }
grep -E '^(CapEff|Seccomp|NoNewPrivs)' "/proc/$pid/status"
say "all is well"
