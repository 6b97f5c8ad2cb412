// axi_memory: the one memory behind all axi_memory.sv of a simulation, and its remote control for Python (axi_memory.py).
//
// A range of addresses is reserved and filled with zeros by the operating system where it is touched, so only what is used takes
// room; an image file is mapped into it, privately. One thread only.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <vector>

#include "svdpi.h"

namespace {

constexpr uint64_t kBytes = uint64_t(1) << 36;  // reserved: more than any card has
constexpr uint64_t kPage = 4096;
constexpr unsigned kBeat = 32;
constexpr int kOkay = 0, kDecErr = 3, kSilent = -1;
constexpr uint64_t kNever = ~uint64_t(0);
enum Direction { kRead = 0, kWrite = 1 };

struct Beat {
    uint64_t addr;
    uint32_t strobes;
    uint8_t data[kBeat];
};

struct Burst {  // written, not answered yet
    std::vector<Beat> beats;
    int resp = kOkay;
};

struct Port {
    uint64_t beats[2] = {0, 0};  // since the start of the simulation
    uint64_t fail_at[2] = {kNever, kNever};
    int fail_resp[2] = {kOkay, kOkay};
    uint64_t silent_at[2] = {kNever, kNever};
    int settings[3] = {-1, -1, -1};  // latency, rate, stall: for the next reset; -1 as the module has it
    std::deque<Burst> bursts;        // the last one may still be growing
    bool growing = false;
};

struct Fault {
    int port;  // -1: all
    int direction;
    uint64_t first, last;
    int resp;
};

uint8_t *memory = nullptr;
uint64_t limit = kBytes;
std::map<int, Port> ports;
std::vector<Fault> faults;

uint8_t *base() {
    if (memory == nullptr) {
        void *found = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (found == MAP_FAILED) {
            std::perror("axi_memory: cannot reserve addresses");
            std::abort();
        }
        memory = static_cast<uint8_t *>(found);
    }
    return memory;
}

bool inside(uint64_t addr, uint64_t bytes) { return bytes <= limit && addr <= limit - bytes; }

int response(int number, const Port &port, Direction direction, uint64_t addr) {
    if (!inside(addr, kBeat)) return kDecErr;
    if (port.beats[direction] == port.fail_at[direction]) return port.fail_resp[direction];
    for (const Fault &fault : faults) {
        const bool here = addr + kBeat > fault.first && addr <= fault.last;
        if (here && fault.direction == direction && (fault.port < 0 || fault.port == number)) return fault.resp;
    }
    return kOkay;
}

// ---- remote control: 0 or an errno --------------------------------------------------------------------------------------

int control_write(uint64_t addr, const uint8_t *data, uint64_t bytes) {
    if (!inside(addr, bytes)) return EFAULT;
    std::memcpy(base() + addr, data, bytes);
    return 0;
}

int control_read(uint64_t addr, uint8_t *data, uint64_t bytes) {
    if (!inside(addr, bytes)) return EFAULT;
    std::memcpy(data, base() + addr, bytes);
    return 0;
}

int control_load(const char *path, uint64_t addr) {
    const int fd = open(path, O_RDONLY);
    if (fd < 0) return errno;
    struct stat status;
    int problem = fstat(fd, &status) ? errno : 0;
    const uint64_t bytes = problem ? 0 : status.st_size;
    if (!problem && !inside(addr, bytes)) problem = EFAULT;
    // whole pages are mapped, the rest is copied
    const uint64_t mapped = addr % kPage ? 0 : bytes / kPage * kPage;
    if (!problem && mapped &&
        mmap(base() + addr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, 0) == MAP_FAILED)
        problem = errno;
    for (uint64_t done = mapped; !problem && done < bytes;) {
        const ssize_t got = pread(fd, base() + addr + done, bytes - done, done);
        if (got <= 0) problem = got ? errno : EIO;
        else done += got;
    }
    close(fd);
    return problem;
}

int control_erase() {
    return mmap(base(), kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) ==
                   MAP_FAILED
               ? errno
               : 0;
}

int control_limit(uint64_t bytes) {
    if (bytes > kBytes) return EINVAL;
    limit = bytes;
    return 0;
}

int control_fail_range(int port, int direction, uint64_t first, uint64_t last, int resp) {
    faults.push_back({port, direction, first, last, resp});
    return 0;
}

int control_fail_nth(int port, int direction, uint64_t n, int resp) {
    ports[port].fail_at[direction] = ports[port].beats[direction] + n;
    ports[port].fail_resp[direction] = resp;
    return 0;
}

int control_silence(int port, int direction, uint64_t n) {
    ports[port].silent_at[direction] = ports[port].beats[direction] + n;
    return 0;
}

int control_heal() {
    faults.clear();
    for (auto &entry : ports) {
        for (int direction : {kRead, kWrite}) entry.second.fail_at[direction] = entry.second.silent_at[direction] = kNever;
    }
    return 0;
}

int control_settings(int port, int latency, int rate, int stall) {
    ports[port].settings[0] = latency;
    ports[port].settings[1] = rate;
    ports[port].settings[2] = stall;
    return 0;
}

uint64_t control_beats(int port, int direction) { return ports[port].beats[direction]; }

// Python runs in this process but finds no symbols of an executable: it gets the table's address by the environment.
void *const kTable[] = {
    reinterpret_cast<void *>(control_write),      reinterpret_cast<void *>(control_read),
    reinterpret_cast<void *>(control_load),       reinterpret_cast<void *>(control_erase),
    reinterpret_cast<void *>(control_limit),      reinterpret_cast<void *>(control_fail_range),
    reinterpret_cast<void *>(control_fail_nth),   reinterpret_cast<void *>(control_silence),
    reinterpret_cast<void *>(control_heal),       reinterpret_cast<void *>(control_settings),
    reinterpret_cast<void *>(control_beats),
};

}  // namespace

extern "C" int axi_memory_announce(const char *variable, const void *table) {
    char text[64];
    std::snprintf(text, sizeof text, "%ld:%p", static_cast<long>(getpid()), table);
    return setenv(variable, text, 1);
}

static const int announced = axi_memory_announce("LUTLOOM_AXI_MEMORY", kTable);

// ---- what axi_memory.sv calls --------------------------------------------------------------------------------------------

// A reset: bursts that were not answered are lost; the settings for the time after it.
extern "C" void axi_memory_reset(int number, int *latency, int *rate, int *stall) {
    Port &port = ports[number];
    port.bursts.clear();
    port.growing = false;
    int *const values[] = {latency, rate, stall};
    for (int i = 0; i < 3; i++) {
        if (port.settings[i] >= 0) *values[i] = port.settings[i];
    }
}

extern "C" int axi_memory_load(const char *path, long long addr) { return control_load(path, addr); }

// One beat: its response, or -1 for no answer yet.
extern "C" int axi_memory_read(int number, long long addr, svBitVecVal *data) {
    Port &port = ports[number];
    if (port.beats[kRead] >= port.silent_at[kRead]) return kSilent;
    const int resp = response(number, port, kRead, addr);
    if (resp == kOkay) std::memcpy(data, base() + addr, kBeat);
    else std::memset(data, 0, kBeat);
    port.beats[kRead]++;
    return resp;
}

// One beat, kept until its burst is answered.
extern "C" void axi_memory_write(int number, long long addr, const svBitVecVal *data, int strobes, int last) {
    Port &port = ports[number];
    if (!port.growing) port.bursts.emplace_back();
    Burst &burst = port.bursts.back();
    const int resp = response(number, port, kWrite, addr);
    if (resp != kOkay && burst.resp == kOkay) burst.resp = resp;
    Beat beat = {static_cast<uint64_t>(addr), static_cast<uint32_t>(strobes), {}};
    std::memcpy(beat.data, data, kBeat);
    burst.beats.push_back(beat);
    port.growing = !last;
    port.beats[kWrite]++;
}

// The oldest whole burst takes effect: its response, or -1 for no answer yet.
extern "C" int axi_memory_answer(int number) {
    Port &port = ports[number];
    if (port.beats[kWrite] > port.silent_at[kWrite]) return kSilent;
    const Burst burst = port.bursts.front();
    port.bursts.pop_front();
    if (burst.resp != kOkay) return burst.resp;
    for (const Beat &beat : burst.beats) {
        if (beat.strobes == ~uint32_t(0)) std::memcpy(base() + beat.addr, beat.data, kBeat);
        else {
            for (unsigned i = 0; i < kBeat; i++) {
                if (beat.strobes >> i & 1) base()[beat.addr + i] = beat.data[i];
            }
        }
    }
    return kOkay;
}
