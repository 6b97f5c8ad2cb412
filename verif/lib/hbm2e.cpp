// hbm2e: when the HBM2e of a V80 answers. Contents and faults are those of axi_memory.cpp; hbm_port.sv asks here in every cycle which
// beats and answers are due, hbm2e.py sets parameters and reads statistics. What is modelled and what is not: docs/hbm2e.md.
//
// Time is counted in picoseconds for ports and in memory clocks (tCK) for pseudo-channels. A pseudo-channel is only looked at when a
// command could be given, so an idle one costs nothing. One thread only; one reset for all ports.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "svdpi.h"

extern "C" {  // axi_memory.cpp
int axi_memory_announce(const char *variable, const void *table);
void axi_memory_reset(int number, int *latency, int *rate, int *stall);
int axi_memory_read(int number, long long addr, svBitVecVal *data);
void axi_memory_write(int number, long long addr, const svBitVecVal *data, int strobes, int last);
int axi_memory_answer(int number);
}

namespace {

// ---- every figure --------------------------------------------------------------------------------------------------------
// name, value, least, most, unit, source. All of them can be set for the next reset. "gem5" is class HBM_2000_4H_1x64 of its
// src/mem/DRAMInterface.py, "DRAMSys" its memspec HBM2.json: HBM2 at 2 Gb/s, kept in nanoseconds. "PG313" is AMD's product guide of the
// Versal NoC and memory controllers.
#define HBM2E_PARAMETERS(P)                                                                                    \
    P(clock, 250, 100, 500, "MHz", "of the ports: the accelerator's")                                          \
    P(map, 0, 0, 1, "", "0: 1 GiB to a pseudo-channel, as on a V80; 1: by port")                               \
    P(streams, 64, 0, 64, "ports", "PG313: 64 HBM_NMU, two beside each pseudo-channel")                        \
    P(noc, 200000, 40000, 1000000, "ps", "assumed: there and back, with controller and PHY")                   \
    P(far, 150000, 0, 1000000, "ps", "assumed: more than that where the pseudo-channel is not the port's own") \
    P(window, 64, 2, 64, "entries", "PG313: read reorder buffer of an HBM_NMU, 64 bytes each")                 \
    P(bursts, 64, 1, 256, "bursts", "PG313: reads, and writes, that an NMU accepts")                           \
    P(posted, 128, 1, 1024, "beats", "assumed: written by a port, not yet in the controller")                  \
    P(queue, 64, 1, 256, "atoms", "gem5: read_buffer_size, write_buffer_size")                                 \
    P(batch, 16, 1, 256, "atoms", "gem5: min_writes_per_switch; here in both directions")                      \
    P(age, 1000000, 0, 100000000, "ps", "assumed: who waits longer goes first")                                \
    P(tCK, 625, 500, 2000, "ps", "PG313: 1600 MHz, 3.2 Gb/s a pin")                                            \
    P(tCCD_S, 1250, 0, 100000, "ps", "BL4 on 64 bits: 2 tCK for 32 bytes, also the time on the data bus")      \
    P(tCCD_L, 3000, 0, 100000, "ps", "gem5, DRAMSys")                                                          \
    P(tRCDRD, 12000, 0, 100000, "ps", "gem5, DRAMSys")                                                         \
    P(tRCDWR, 6000, 0, 100000, "ps", "gem5, DRAMSys")                                                          \
    P(tCL, 18000, 0, 100000, "ps", "gem5")                                                                     \
    P(tCWL, 7000, 0, 100000, "ps", "gem5, DRAMSys")                                                            \
    P(tRP, 14000, 0, 100000, "ps", "gem5, DRAMSys")                                                            \
    P(tRAS, 28000, 0, 100000, "ps", "gem5, DRAMSys")                                                           \
    P(tRC, 42000, 0, 100000, "ps", "DRAMSys")                                                                  \
    P(tRRD_S, 4000, 0, 100000, "ps", "gem5, DRAMSys")                                                          \
    P(tRRD_L, 6000, 0, 100000, "ps", "gem5, DRAMSys")                                                          \
    P(tFAW, 16000, 0, 100000, "ps", "gem5, DRAMSys")                                                           \
    P(tRTP, 5000, 0, 100000, "ps", "gem5, DRAMSys")                                                            \
    P(tWR, 14000, 0, 100000, "ps", "gem5, DRAMSys")                                                            \
    P(tWTR_S, 4000, 0, 100000, "ps", "gem5, DRAMSys")                                                          \
    P(tWTR_L, 9000, 0, 100000, "ps", "gem5, DRAMSys")                                                          \
    P(tRTW, 18000, 0, 100000, "ps", "DRAMSys, command to command")                                             \
    P(tREFI, 3900000, 0, 100000000, "ps", "gem5, DRAMSys; 0: no refresh")                                      \
    P(tRFC, 450000, 0, 10000000, "ps", "Ramulator 2, HBM2.cpp, 16 Gb a channel")

#define HBM2E_NAME(name, ...) k_##name,
enum Name { HBM2E_PARAMETERS(HBM2E_NAME) kNames };

struct Parameter {
    const char *name;
    int64_t value, least, most;
    const char *unit, *source;
};
#define HBM2E_ROW(name, ...) {#name, __VA_ARGS__},
Parameter table[] = {HBM2E_PARAMETERS(HBM2E_ROW)};

constexpr int kChannels = 32, kGroups = 4, kBanks = 16;
constexpr unsigned kAtom = 32, kEntry = 64, kChop = 256;  // bytes: of an access, of a place in the window, of a packet
constexpr int64_t kNever = INT64_MAX / 2, kLongAgo = -kNever;
enum Direction { kRead = 0, kWrite = 1 };
enum Row { kHit, kMiss, kConflict };

int64_t ps[kNames];     // the table as of the last reset
int64_t clocks[kNames];  // the times of it in memory clocks, rounded up
int64_t now_ps, cycle_now = -1, reset_at, cleared_at;  // time begins with the reset

int64_t cycle_ps(int64_t cycle) { return (cycle - reset_at) * 1000000 / ps[k_clock]; }
int64_t clock_of(int64_t time) { return time / ps[k_tCK]; }

// ---- ports: what was asked, what may be delivered -----------------------------------------------------------------------

enum PortStat { kBeatsRead, kBeatsWritten, kBurstsRead, kLatency, kLatencyMost, kBurstsWritten, kPortStats };

struct Port {
    struct Ask {
        uint64_t addr;
        int beats, done, id;  // done: injected
        int64_t taken;
    };
    struct Beat {
        uint64_t addr;
        int64_t taken, due;
        int id;
        bool first, last, frees;  // frees: the last one of its place in the window
    };
    struct Burst {
        uint64_t addr;
        int beats, sent, arrived, id;
        int64_t due;
    };
    std::deque<Ask> asked;
    std::deque<Beat> beats;  // injected, not delivered
    std::deque<Burst> written;
    uint64_t first_beat = 0, first_burst = 0;  // numbers of the heads of `beats` and `written`
    int used = 0, reads = 0, posted = 0, sending = 0;  // sending: index in `written` of the burst that data belongs to
    int64_t stats[kPortStats] = {};
};

std::vector<Port> ports;

// ---- a pseudo-channel and its controller ---------------------------------------------------------------------------------

struct Atom {
    int64_t arrives;
    uint32_t row;
    uint16_t port;
    uint8_t bank, work;  // bank: group * 4 + bank; work: what its row needed
    uint64_t number;     // of the port's beat (read) or burst (written)
    int64_t back;        // ps to the port
};

enum ChannelStat { kReads, kWrites, kHits, kMisses, kConflicts, kBusy, kRefresh, kRefreshes, kTurns, kChannelStats };

struct Channel {
    struct Bank {
        int64_t row = -1, act = 0, column[2] = {0, 0}, pre = 0;  // earliest clock of each command
    };
    Bank banks[kBanks];
    int64_t column_at[2][kGroups], column_last[2], act_at[kGroups], act_last[4];  // when commands were given
    std::deque<Atom> coming[2][2];                                                // direction, far
    std::vector<Atom> queue[2];
    int direction = kRead;
    int64_t served = 0;  // in this direction
    int64_t wake = kNever, refresh = kNever;
    int64_t stats[kChannelStats] = {};

    explicit Channel(int number = 0) {
        for (auto *times : {&column_at[0][0], &column_at[1][0], &act_at[0], &act_last[0]}) std::fill_n(times, 4, kLongAgo);
        std::fill_n(column_last, 2, kLongAgo);
        // the channels' refreshes are spread over the interval
        if (ps[k_tREFI]) wake = refresh = clocks[k_tREFI] * (number + 1) / kChannels;
    }

    void arrive(Direction to, bool far, const Atom &atom) {
        coming[to][far].push_back(atom);
        wake = std::min(wake, atom.arrives);
    }

    // The earliest arrival; moves in what is here and has room.
    int64_t admit(int64_t t) {
        int64_t next = kNever;
        for (int to : {kRead, kWrite}) {
            while (int64_t(queue[to].size()) < ps[k_queue]) {
                auto &near = coming[to][0], &far = coming[to][1];
                const bool pick = near.empty() || (!far.empty() && far.front().arrives < near.front().arrives);
                if (coming[to][pick].empty()) break;
                const Atom &atom = coming[to][pick].front();
                if (atom.arrives > t) {
                    next = std::min(next, atom.arrives);
                    break;
                }
                if (to == kWrite) {  // a burst is answered when all of it has come this far
                    Port &port = ports[atom.port];
                    Port::Burst &burst = port.written[atom.number - port.first_burst];
                    port.posted--;
                    if (++burst.arrived == burst.beats) burst.due = t * ps[k_tCK] + atom.back;
                }
                queue[to].push_back(atom);
                coming[to][pick].pop_front();
            }
        }
        return next;
    }

    // All banks are closed, then refreshed; nothing else meanwhile.
    void refresh_all(int64_t t) {
        int64_t start = t;
        for (const Bank &bank : banks) {
            if (bank.row >= 0 && bank.pre > t) {
                wake = bank.pre;
                return;
            }
            start = std::max({start, bank.act, bank.row >= 0 ? t + clocks[k_tRP] : 0});
        }
        wake = start + clocks[k_tRFC];
        for (Bank &bank : banks) bank.row = -1, bank.act = wake;
        stats[kRefresh] += wake - refresh;
        stats[kRefreshes]++;
        refresh += clocks[k_tREFI];
    }

    // Stay with reads or writes for a batch; writes wait until nobody reads or their queue is full.
    void choose_direction() {
        const bool others = !queue[!direction].empty();
        const bool pressing = direction == kWrite ? others : int64_t(queue[kWrite].size()) >= ps[k_queue];
        if ((queue[direction].empty() && others) || (pressing && served >= ps[k_batch])) {
            direction = !direction;
            served = 0;
            stats[kTurns]++;
        }
    }

    int64_t column_time(int group) const {
        const int64_t data = clocks[k_tCWL] + clocks[k_tCCD_S];  // from a write command to the end of its data
        const int64_t turned = direction == kWrite ? column_last[kRead] + clocks[k_tRTW]
                                                   : std::max(column_last[kWrite] + data + clocks[k_tWTR_S],
                                                              column_at[kWrite][group] + data + clocks[k_tWTR_L]);
        return std::max({column_last[direction] + clocks[k_tCCD_S], column_at[direction][group] + clocks[k_tCCD_L], turned});
    }

    int64_t act_time(const Bank &bank, int group) const {
        return std::max({bank.act, act_last[3] + clocks[k_tRRD_S], act_at[group] + clocks[k_tRRD_L],
                         act_last[0] + clocks[k_tFAW]});
    }

    // At most one command for a row and one for a column; `wake` is when to look again.
    void step(int64_t t) {
        int64_t next = std::min(admit(t), refresh);
        if (t >= refresh) return refresh_all(t);
        choose_direction();
        std::vector<Atom> &here = queue[direction];
        const size_t count = here.size();
        // first ready, first come; but if the first one has waited too long its bank is for nobody else
        const bool stale = count && (t - here[0].arrives) * ps[k_tCK] > ps[k_age];
        int64_t group_time[kGroups];
        for (int group = 0; group < kGroups; group++) group_time[group] = column_time(group);
        unsigned hit = 0, seen = 0;  // banks whose open row somebody waits for; banks looked at
        size_t column = count, row = count;
        for (size_t i = 0; i < count; i++) {
            const Atom &atom = here[i];
            const Bank &bank = banks[atom.bank];
            if (bank.row != atom.row || (hit >> atom.bank & 1)) continue;  // the older one of the same row is as ready
            if (stale && atom.bank == here[0].bank && atom.row != here[0].row) continue;
            hit |= 1u << atom.bank;
            const int64_t ready = std::max(bank.column[direction], group_time[atom.bank / 4]);
            if (ready > t) next = std::min(next, ready);
            else if (column == count) column = i;
        }
        for (size_t i = 0; i < count && seen != (1u << kBanks) - 1; i++) {
            const Atom &atom = here[i];
            const Bank &bank = banks[atom.bank];
            if (((seen | hit) >> atom.bank & 1) || bank.row == atom.row) continue;
            seen |= 1u << atom.bank;
            const int64_t ready = bank.row >= 0 ? bank.pre : act_time(bank, atom.bank / 4);
            if (ready > t) next = std::min(next, ready);
            else if (row == count) row = i;
        }
        if (row < count) give_row(t, here[row]);
        if (column < count) {
            give_column(t, here[column]);
            here.erase(here.begin() + column);
            next = t + clocks[k_tCCD_S];
        } else if (row < count) next = t + 1;
        wake = next;
    }

    void give_row(int64_t t, Atom &atom) {
        Bank &bank = banks[atom.bank];
        if (bank.row >= 0) {
            bank.row = -1;
            bank.act = std::max(bank.act, t + clocks[k_tRP]);
            atom.work = kConflict;
            return;
        }
        bank.row = atom.row;
        bank.act = t + clocks[k_tRC];
        bank.pre = t + clocks[k_tRAS];
        bank.column[kRead] = t + clocks[k_tRCDRD];
        bank.column[kWrite] = t + clocks[k_tRCDWR];
        act_at[atom.bank / 4] = t;
        std::copy(act_last + 1, act_last + 4, act_last);
        act_last[3] = t;
        if (atom.work == kHit) atom.work = kMiss;
    }

    void give_column(int64_t t, const Atom &atom) {
        Bank &bank = banks[atom.bank];
        column_last[direction] = column_at[direction][atom.bank / 4] = t;
        served++;
        const int64_t data = clocks[k_tCCD_S];
        if (direction == kRead) {
            bank.pre = std::max(bank.pre, t + clocks[k_tRTP]);
            Port &port = ports[atom.port];
            port.beats[atom.number - port.first_beat].due = (t + clocks[k_tCL] + data) * ps[k_tCK] + atom.back;
        } else {
            bank.pre = std::max(bank.pre, t + clocks[k_tCWL] + data + clocks[k_tWR]);
        }
        stats[direction == kRead ? kReads : kWrites]++;
        stats[kHits + atom.work]++;
        stats[kBusy] += data;
    }
};

Channel channels[kChannels];

// ---- from ports to pseudo-channels ----------------------------------------------------------------------------------------

void send(int number, Direction to, uint64_t addr, uint64_t serial) {
    int channel = addr >> 30 & 31;
    bool far = number >= ps[k_streams] || channel != number / 2;
    if (ps[k_map] == 1) {
        far = number >= ps[k_streams];
        if (far) {  // pieces of 256 bytes, spread over all
            const uint64_t piece = addr / kChop;
            channel = (piece ^ piece >> 5 ^ piece >> 10 ^ piece >> 15 ^ piece >> 20) % kChannels;
            addr = piece / kChannels * kChop + addr % kChop;
        } else channel = number / 2;
    }
    const int64_t way = (ps[k_noc] + (far ? ps[k_far] : 0)) / 2;
    Atom atom = {};
    atom.arrives = (now_ps + way + ps[k_tCK] - 1) / ps[k_tCK];
    // row 16 bits, bank 2, column 5, bank group 2, byte 5: a stream goes round the bank groups
    atom.bank = (addr >> 5 & 3) * 4 + (addr >> 12 & 3);
    atom.row = addr >> 14 & 0xffff;
    atom.port = number;
    atom.number = serial;
    atom.back = way;
    channels[channel].arrive(to, far, atom);
}

// A packet of the oldest read that is not on its way, if the window has room for it.
void inject(int number, Port &port) {
    if (port.asked.empty()) return;
    Port::Ask &ask = port.asked.front();
    const uint64_t addr = ask.addr + uint64_t(ask.done) * kAtom;
    const int count = std::min<int>(ask.beats - ask.done, (kChop - addr % kChop) / kAtom);
    const int places = (addr + count * kAtom - 1) / kEntry - addr / kEntry + 1;
    if (port.used + places > ps[k_window]) return;
    port.used += places;
    for (int i = 0; i < count; i++) {
        const uint64_t at = addr + i * kAtom;
        const bool last = ask.done + i + 1 == ask.beats;
        port.beats.push_back({at, ask.taken, kNever, ask.id, ask.done + i == 0, last, i + 1 == count || at % kEntry != 0});
        send(number, kRead, at, port.first_beat + port.beats.size() - 1);
    }
    ask.done += count;
    if (ask.done == ask.beats) port.asked.pop_front();
}

void clear_statistics() {
    for (Port &port : ports) std::fill_n(port.stats, int(kPortStats), 0);
    for (Channel &channel : channels) std::fill_n(channel.stats, int(kChannelStats), 0);
    cleared_at = clock_of(now_ps);
}

// ---- remote control --------------------------------------------------------------------------------------------------------

int control_parameter(int index, Parameter *out) {
    if (index < 0 || index >= kNames) return EINVAL;
    *out = table[index];
    return 0;
}

int control_set(int index, int64_t value) {
    if (index < 0 || index >= kNames || value < table[index].least || value > table[index].most) return EINVAL;
    table[index].value = value;
    return 0;
}

int control_clear() {
    clear_statistics();
    return 0;
}

// The statistics, then the memory clocks since they were cleared.
int control_channel(int number, int64_t *out) {
    if (number < 0 || number >= kChannels) return EINVAL;
    std::copy_n(channels[number].stats, int(kChannelStats), out);
    out[kChannelStats] = clock_of(now_ps) - cleared_at;
    return 0;
}

int control_port(int number, int64_t *out) {
    if (number < 0 || size_t(number) >= ports.size()) return EINVAL;
    std::copy_n(ports[number].stats, int(kPortStats), out);
    return 0;
}

void *const kTable[] = {
    reinterpret_cast<void *>(control_parameter), reinterpret_cast<void *>(control_set),
    reinterpret_cast<void *>(control_clear),     reinterpret_cast<void *>(control_channel),
    reinterpret_cast<void *>(control_port),
};

const int announced = axi_memory_announce("LUTLOOM_HBM2E", kTable);

}  // namespace

// ---- what hbm_port.sv calls, in this order in a cycle ----------------------------------------------------------------------

// A reset of all: `cycle` counts on through it. `stall` as in axi_memory.sv.
extern "C" void hbm2e_reset(int number, long long cycle, int *stall) {
    int latency, rate;
    axi_memory_reset(number, &latency, &rate, stall);
    if (size_t(number) >= ports.size()) ports.resize(number + 1);
    if (cycle == cycle_now) return;
    cycle_now = reset_at = cycle;
    now_ps = 0;
    for (int i = 0; i < kNames; i++) ps[i] = table[i].value;
    for (int i = 0; i < kNames; i++) clocks[i] = (ps[i] + ps[k_tCK] - 1) / ps[k_tCK];
    for (Port &port : ports) port = Port();
    for (int i = 0; i < kChannels; i++) channels[i] = Channel(i);
    clear_statistics();
}

// An address.
extern "C" void hbm2e_take(int number, int direction, long long cycle, long long addr, int beats, int id) {
    Port &port = ports[number];
    if (direction == kRead) {
        port.asked.push_back({uint64_t(addr), beats, 0, id, cycle_ps(cycle)});
        port.reads++;
    } else {
        port.written.push_back({uint64_t(addr), beats, 0, 0, id, kNever});
    }
}

// A beat to write; its address is here. Whether it is the last one of its burst.
extern "C" int hbm2e_write(int number, long long cycle, const svBitVecVal *data, int strobes, int last) {
    Port &port = ports[number];
    Port::Burst &burst = port.written[port.sending];
    const uint64_t addr = burst.addr + uint64_t(burst.sent) * kAtom;
    axi_memory_write(number, addr, data, strobes, last);
    now_ps = cycle_ps(cycle);
    send(number, kWrite, addr, port.first_burst + port.sending);
    port.posted++;
    port.stats[kBeatsWritten]++;
    if (++burst.sent < burst.beats) return 0;
    port.sending++;
    return 1;
}

// Time goes on. What the port takes in the next cycle: bit 0 an address to read, 1 one to write, 2 a beat.
extern "C" int hbm2e_cycle(int number, long long cycle) {
    now_ps = cycle_ps(cycle);
    if (cycle != cycle_now) {
        cycle_now = cycle;
        const int64_t until = clock_of(now_ps);
        for (Channel &channel : channels) {
            while (channel.wake <= until) channel.step(channel.wake);
        }
    }
    Port &port = ports[number];
    inject(number, port);
    return (port.reads < ps[k_bursts]) | (int64_t(port.written.size()) < ps[k_bursts]) << 1 |
           (size_t(port.sending) < port.written.size() && port.posted < ps[k_posted]) << 2;
}

// The oldest beat read, if it is valid in the next cycle: its response; -1 if not.
extern "C" int hbm2e_read(int number, long long cycle, svBitVecVal *data, int *id, int *last) {
    Port &port = ports[number];
    const int64_t valid = cycle_ps(cycle + 1);
    if (port.beats.empty() || port.beats.front().due > valid) return -1;
    const Port::Beat &beat = port.beats.front();
    const int resp = axi_memory_read(number, beat.addr, data);
    if (resp < 0) return resp;
    *id = beat.id;
    *last = beat.last;
    port.stats[kBeatsRead]++;
    if (beat.first) {
        const int64_t latency = valid - beat.taken;
        port.stats[kBurstsRead]++;
        port.stats[kLatency] += latency;
        port.stats[kLatencyMost] = std::max(port.stats[kLatencyMost], latency);
    }
    port.used -= beat.frees;
    port.reads -= beat.last;
    port.beats.pop_front();
    port.first_beat++;
    return resp;
}

// The oldest burst written, if its answer is valid in the next cycle: the response; -1 if not.
extern "C" int hbm2e_answer(int number, long long cycle, int *id) {
    Port &port = ports[number];
    if (port.written.empty() || port.written.front().due > cycle_ps(cycle + 1)) return -1;
    const int resp = axi_memory_answer(number);
    if (resp < 0) return resp;
    *id = port.written.front().id;
    port.written.pop_front();
    port.first_burst++;
    port.sending--;
    port.stats[kBurstsWritten]++;
    return resp;
}
