#!/usr/bin/env bash
# Every kernel of which there are two (kernels/cuda/choice.h): the choice takes it, its results are
# those of the reference, in both orders of threads, and a choice that there is not is an error.
# CHECKOPS and NARROW are the programs of this folder.
set -u
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
fail() {
    echo "FAIL: $*"
    tail -5 "$log"
    failed=1
}

# CHOICE OPERATION KERNEL OTHER: with EVALH_KERNELS=CHOICE the operation launches KERNEL and not OTHER.
takes() {
    local order
    for order in 0 1; do
        EVALH_KERNELS=$1 EVALH_EMULATED=names=1,order=$order "$CHECKOPS" --backend cuda --op "$2" \
            >"$log" 2>&1 || fail "$1: $2 is not the reference's"
    done
    [ "$3" = none ] || grep -q "launches $3\$" "$log" || fail "$1: $2 does not launch $3"
    ! grep -q "launches $4\$" "$log" || fail "$1: $2 launches $4"
}

# The same on arrays of bf16.
takes_narrow() { # CHOICE KERNEL OTHER
    EVALH_KERNELS=$1 EVALH_EMULATED=names=1 "$NARROW" cuda >"$log" 2>&1 || fail "$1: narrow arrays"
    [ "$2" = none ] || grep -q "launches $2\$" "$log" || fail "$1: no $2 for narrow arrays"
    ! grep -q "launches $3\$" "$log" || fail "$1: $3 for narrow arrays"
}

# scan_single also takes the sizes that scan_pair does not
takes scan=pair scan scan_pair none
takes scan=single scan scan_single scan_pair
takes_narrow scan=pair scan_pair none
takes_narrow scan=single scan_single scan_pair
takes_narrow attention=head flash_head flash_tiles
takes_narrow attention=tiles flash_tiles flash_head
takes conv=pair conv_silu conv_pair none
takes conv=single conv_silu conv_single conv_pair
takes_narrow conv=pair conv_pair none
takes_narrow conv=single conv_single conv_pair
for norm in rmsnorm layernorm; do
    takes norm=row $norm norm_row none
    takes norm=any $norm norm_any norm_row
done
takes_narrow norm=row norm_row none
takes_narrow norm=any norm_any norm_row
for product in linear linear_back; do
    takes products=split $product split_kernel none
    takes products=plain $product none split_kernel
done
takes_narrow gelu=epilogue none narrow_gelu_kernel\<T\>
takes_narrow gelu=kernel narrow_gelu_kernel\<T\> none

for wrong in scan=double scan nothing=pair =; do
    EVALH_KERNELS=$wrong "$CHECKOPS" --backend cuda --op scan >"$log" 2>&1 && fail "'$wrong' is taken"
    grep -q "EVALH_KERNELS: '$wrong' is not one of: scan=pair, scan=single, " "$log" ||
        fail "'$wrong' is not told"
done
exit $failed
