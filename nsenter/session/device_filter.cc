#include "nsenter/session/device_filter.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/unique_fd.h"

namespace nsdebug {

namespace {

enum Register : uint8_t { kContext = BPF_REG_1, kType, kMajor, kMinor };

struct Device {
  int32_t major;
  int32_t minor;  ///< -1: any
};

// What every runtime gives every container: null, zero, full, random, urandom, tty, ptmx, pts.
constexpr std::array<Device, 8> kAllowed = {
    {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 2}, {136, -1}}};

bpf_insn Load(Register to, size_t offset) {
  bpf_insn load = {BPF_LDX | BPF_MEM | BPF_W, 0, kContext, static_cast<int16_t>(offset), 0};
  load.dst_reg = to & 0xf;
  return load;
}

bpf_insn JumpUnlessEqual(Register value, int32_t constant, int16_t skip) {
  bpf_insn jump = {BPF_JMP | BPF_JNE | BPF_K, 0, 0, skip, constant};
  jump.dst_reg = value & 0xf;
  return jump;
}

void AppendReturn(std::vector<bpf_insn>* program, int32_t value) {
  program->push_back({BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value});
  program->push_back({BPF_JMP | BPF_EXIT, 0, 0, 0, 0});
}

std::vector<bpf_insn> Program() {
  std::vector<bpf_insn> program = {
      Load(kType, offsetof(bpf_cgroup_dev_ctx, access_type)),
      // The low half is the type of device, the high half the access asked for.
      {BPF_ALU64 | BPF_AND | BPF_K, kType, 0, 0, 0xffff},
      Load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
      Load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)),
      {BPF_JMP | BPF_JEQ | BPF_K, kType, 0, 2, BPF_DEVCG_DEV_CHAR},
  };
  AppendReturn(&program, 0);
  for (const Device& device : kAllowed) {
    const bool any_minor = device.minor < 0;
    program.push_back(JumpUnlessEqual(kMajor, device.major, any_minor ? 2 : 3));
    if (!any_minor) program.push_back(JumpUnlessEqual(kMinor, device.minor, 2));
    AppendReturn(&program, 1);
  }
  AppendReturn(&program, 0);
  return program;
}

}  // namespace

Result<void> AttachDeviceFilter(int cgroup_fd) {
  const std::vector<bpf_insn> program = Program();
  bpf_attr load{};
  load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load.insns = reinterpret_cast<uint64_t>(program.data());
  load.insn_cnt = static_cast<uint32_t>(program.size());
  load.license = reinterpret_cast<uint64_t>("Apache-2.0");
  UniqueFd fd(static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load))));
  if (!fd.valid()) return FailErrno("load the device filter (bpf)");
  bpf_attr attach{};
  attach.target_fd = static_cast<uint32_t>(cgroup_fd);
  attach.attach_bpf_fd = static_cast<uint32_t>(fd.get());
  attach.attach_type = BPF_CGROUP_DEVICE;
  // Beside, not instead of, what a parent has attached: all of them must agree.
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  if (::syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)) != 0) {
    return FailErrno("attach the device filter to the session's cgroup (bpf)");
  }
  return {};
}

}  // namespace nsdebug
