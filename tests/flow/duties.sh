#!/bin/sh
# Every duty of a steward, and the shift itself: a record made offline, a move
# or value that is refused on the handheld, a conflict between two handhelds
# that its rule decides, the merged row on both and at the hub, and a ledger
# that an audit accepts.
. "$(dirname "$0")/lib.sh"

new_hub
cat >"$T/unit.csv" <<'E2'
ref,building,floor,room,area
u1,3,12,1202,A
E2
cat >"$T/route.csv" <<'E2'
ref,name,interval_min,area
r1,3号楼夜巡,60,A
E2
printf 'ref,name,level,area\nli,李,1,A\n' >"$T/staff.csv"
gengbu-hub load "$hub" staff "$T/staff.csv" >/dev/null
gengbu-hub load "$hub" unit "$T/unit.csv" >/dev/null
gengbu-hub load "$hub" route "$T/route.csv" >/dev/null
serve_hub
handheld 1
handheld 2

sync()
{
    for n in "$@"; do
        gengbu sync "$T/$n" >/dev/null
    done
}

# duty NAME TABLE WORDS REFUSED FIRST SECOND COLUMN SHOWN FIELD=VALUE...
# handheld 1 inserts; REFUSED must fail with WORDS; 1 sets FIRST and 2 sets
# SECOND, neither knowing; COLUMN must then show SHOWN everywhere
duty()
{
    name=$1 table=$2 words=$3 bad=$4 first=$5 second=$6 column=$7 shown=$8
    shift 8
    id=$(gengbu record "$T/1" "$table" "$@")
    refused 1 "$words" gengbu set "$T/1" "$table" "$id" "$bad"
    [ -z "${tie-}" ] || gengbu record "$T/1" customer_unit unit_id=@u1 \
        customer_id="${customer:-$id}" relation=owner >/dev/null
    sync 1 2
    gengbu set "$T/1" "$table" "$id" "$first" >/dev/null
    sleep 0.01
    gengbu set "$T/2" "$table" "$id" "$second" >/dev/null
    sync 2 1 2
    counter=${id#*-}
    for db in "$T/1/journal.db" "$T/2/journal.db" "$hub/hub.db"; do
        got=$(sqlite3 "$db" "SELECT $column FROM $table
            WHERE id = (1 << 40) + $counter")
        same "$got" "$shown" "$name: $column in $db"
    done
    gengbu-hub explain "$hub" "$table" "$id" "$column" >"$T/why"
    grep -q "device 1" "$T/why" && grep -q "device 2" "$T/why" ||
        fail "$name: explain names not both writes: $(cat "$T/why")"
    digests 1 2
    echo "$name: $table $id, $column is $shown"
}

at=1764000000000
duty "shift 班次" shift "fact" planned_start=5 started_at=1000 \
    started_at=2000 started_at 1000 staff_id=@li planned_start=$at
duty "1 booking 预约" appointment "no move" state=done state=confirmed \
    state=cancelled state cancelled kind=moving unit_id=@u1 slot_start=$at \
    slot_end=$((at + 3600000))
duty "2 requests 服务单" service_request "no move" state=closed \
    priority=danger priority=urgent priority danger kind=repair \
    channel=phone unit_id=@u1 text=厨房漏水 contact=13800000000
duty "3 patrol 巡更" patrol "no move" state=done state=in_progress \
    state=absent state in_progress route_id=@r1 planned_start=$at
duty "3 vacant units 钥匙" key_custody "no move" state=returned state=lent \
    state=lost state lost unit_id=@u1 holder_id=0-1
permit=$(gengbu record "$T/1" renovation_permit unit_id=@u1)
duty "3 renovations 违规" violation "no move" state=passed \
    severity=critical severity=serious severity critical \
    permit_id="$permit" kind=smoking severity=general
duty "4 services 代办" service_order "no move" state=done state=doing \
    state=cancelled state cancelled kind=errand unit_id=@u1
tie=customer customer=
duty "5 customers 客户" customer "not one of" consent=maybe phone=137 \
    phone=139 phone 139 name=张三 phone=138
customer=$(gengbu record "$T/1" customer name=李四)
duty "6 relations 回访" contact_log "fact" kind=call note=一 note=二 note 二 \
    customer_id="$customer" kind=visit happened_at=$at
tie=
duty "7 follow-up 跟进" follow_up "not one of" state=closed state=done \
    state=escalated state done subject_table=unit subject_id=3 due_at=$at \
    owner_id=@li
duty "8 lobby 放行" goods_release "no move" state=revoked state=approved \
    state=refused state refused unit_id=@u1 applicant_role=owner
duty "9 fees 收据" receipt "fact" amount_fen=200 note=甲 note=乙 note 乙 \
    receipt_no=1-0001 unit_id=@u1 amount_fen=100 method=cash received_at=$at
