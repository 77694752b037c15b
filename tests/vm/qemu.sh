# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154,SC2034,SC2054 # variables of run.sh; commas inside words are qemu's
# How the guest is put together and watched. Sourced by run.sh.

# qemu reads a comma as the end of a value; two stand for one.
comma() { printf '%s' "${1//,/,,}"; }

# Sets `qemu`: the command line.
build_machine() { # KERNELDIR INITRAMFS
    # On a busy host the emulated timer may be late when the kernel tests it, and then it would not boot.
    local append="console=ttyS0 panic=-1 no_timer_check $opt_append"
    [[ -n $opt_keep_log ]] || append="quiet $append"
    ((opt_hugepages == 0)) || append+=" hugepages=$opt_hugepages"
    qemu=(qemu-system-x86_64 -accel tcg,thread=multi -cpu "$opt_cpu" -smp "$opt_cpus" -m "$memory"
        -no-user-config -nodefaults -no-reboot -display none
        -kernel "$1/vmlinuz" -initrd "$2" -append "$append"
        -serial "file:$job_private/kernel.log"
        -virtfs "local,path=/,mount_tag=rootfs,security_model=none,readonly=on,multidevs=remap"
        -virtfs "local,path=$(comma "$job"),mount_tag=job,security_model=none,readonly=on"
        -device virtio-serial-pci)
    local port node index=0
    for port in ctl out err; do
        qemu+=(-chardev "file,id=$port,path=$(comma "$job_private/$port"),append=on"
            -device "virtserialport,chardev=$port,name=$port")
    done
    if ((opt_numa > 1)); then
        for ((node = 0; node < opt_numa; node++)); do
            qemu+=(-object "memory-backend-ram,id=node$node,size=$((memory / opt_numa))M"
                -numa "node,nodeid=$node,memdev=node$node,$(node_cpus "$node")")
        done
    fi
    local disk
    for disk in "${disks[@]}"; do
        qemu+=(-drive "file=$(comma "$disk"),format=raw,if=virtio,cache=none,discard=unmap")
    done
    : >"$job/shares"
    local share
    for share in "${shares[@]}"; do
        qemu+=(-virtfs "local,path=$(comma "$share"),mount_tag=share$index,security_model=none,multidevs=remap")
        echo "share$((index++)) $share" >>"$job/shares"
    done
}

node_cpus() { # NODE: its cpus, dealt out in equal runs
    local first=$(($1 * opt_cpus / opt_numa)) last=$((($1 + 1) * opt_cpus / opt_numa - 1))
    printf 'cpus=%d-%d' "$first" "$last"
}

now_ms() { printf '%s' "$((${EPOCHREALTIME//[.,]/} / 1000))"; }

# Copies a port of the guest to our own stream; with --kill-on it ends the guest at the first line that matches.
relay() { # PORT
    if [[ -z $opt_kill_on ]]; then
        exec cat <"$job_private/$1"
    fi
    tee >(
        if grep -E -m 1 -q -- "$opt_kill_on"; then
            : >"$job_private/matched" # before the kill, so that the end is not taken for an accident
            kill -KILL "$guest" 2>/dev/null
        fi
        exec cat >/dev/null
    ) <"$job_private/$1"
}

# Starts the guest and waits for its end. Sets `outcome` (exit, timeout, killed, broken, dead) and `status`.
run_machine() {
    local ctl out err word rest kill_at=0 deadline now
    outcome=dead status=$VM_BROKEN
    mkfifo "$job_private"/{ctl,out,err}
    # Held open for reading and writing here, so that nobody waits for a guest that never came up.
    exec {ctl}<>"$job_private/ctl" {out}<>"$job_private/out" {err}<>"$job_private/err"
    # The guest must not outlive this script, however it ends.
    setpriv --pdeathsig KILL "${qemu[@]}" </dev/null >"$job_private/qemu.log" 2>&1 {ctl}>&- {out}>&- {err}>&- &
    guest=$!
    relay out {ctl}>&- {out}>&- {err}>&- &
    local relay_out=$!
    relay err >&2 {ctl}>&- {out}>&- {err}>&- &
    local relay_err=$!
    deadline=$(($(now_ms) + opt_timeout * 1000))

    while :; do
        if read -r -t 0.1 -u "$ctl" word rest; then
            case $word in
                start) [[ -z $opt_kill_after ]] || kill_at=$(($(now_ms) + kill_after_ms)) ;;
                exit) outcome=exit status=$rest && break ;;
                broken) outcome=broken reason=$rest && break ;;
            esac
        elif ! kill -0 "$guest" 2>/dev/null; then
            break
        fi
        now=$(now_ms)
        ((now < deadline)) || { outcome=timeout && break; }
        ((kill_at == 0 || now < kill_at)) || { outcome=killed && break; }
        # Nobody reads any more (`run.sh … | head`): the guest would wait for ever.
        kill -0 "$relay_out" 2>/dev/null || { outcome=exit status=141 && break; }
    done
    [[ ! -e $job_private/matched ]] || outcome=killed
    kill -KILL "$guest" 2>/dev/null
    wait "$guest" 2>/dev/null
    exec {ctl}>&- {out}>&- {err}>&-
    wait "$relay_out" "$relay_err"
}
