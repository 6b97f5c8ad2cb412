// hbm_port: one AXI4 port, 256 bits, of the HBM2e of a system simulation: axi_memory.sv with the timing of HBM2e. The same ports, the same
// contents and faults (axi_memory.cpp, axi_memory.py); when a beat comes is decided by hbm2e.cpp for all ports together, which hbm2e.py
// sets and asks. Compile this with hbm2e.cpp and axi_memory.cpp.
//
// Contents:  2^36 bytes from address 0, zeros at first; the file of +axi_memory=<path> from address 0 on, if given.
// Reads:     delivered in the order of the addresses, whatever their IDs. 4 KB of beats can be on their way.
// Writes:    a beat is taken when its address is here; a burst takes effect, whole, when its answer begins: who reads before the answer
//            gets old data. It is answered when the controller has all of it.
// Timing:    docs/hbm2e.md. A port number below 64 is one of the two ports of pseudo-channel Port / 2, others come over the NoC.
// Stalls:    every cycle each ready, and each new beat or answer, is held off with probability stall / 256 of AxiMemory.settings.
// Faults, bursts allowed: as in axi_memory.sv.
// Reset:     of all ports in the same cycles. The settings of axi_memory.py and hbm2e.py take effect.
//
// Parameters:
//   Port     number of the port, 0 to 65535
//   AddrW, IdW
module hbm_port #(
    parameter int unsigned Port = 0,
    parameter int unsigned AddrW = 64,
    parameter int unsigned IdW = 1,
    localparam int unsigned DataW = 256
) (
    input  logic               clk_i,
    input  logic               rst_ni,
    input  logic [    IdW-1:0] s_axi_arid,
    input  logic [  AddrW-1:0] s_axi_araddr,
    input  logic [        7:0] s_axi_arlen,
    input  logic [        2:0] s_axi_arsize,
    input  logic [        1:0] s_axi_arburst,
    input  logic               s_axi_arvalid,
    output logic               s_axi_arready,
    output logic [    IdW-1:0] s_axi_rid,
    output logic [  DataW-1:0] s_axi_rdata,
    output logic [        1:0] s_axi_rresp,
    output logic               s_axi_rlast,
    output logic               s_axi_rvalid,
    input  logic               s_axi_rready,
    input  logic [    IdW-1:0] s_axi_awid,
    input  logic [  AddrW-1:0] s_axi_awaddr,
    input  logic [        7:0] s_axi_awlen,
    input  logic [        2:0] s_axi_awsize,
    input  logic [        1:0] s_axi_awburst,
    input  logic               s_axi_awvalid,
    output logic               s_axi_awready,
    input  logic [  DataW-1:0] s_axi_wdata,
    input  logic [DataW/8-1:0] s_axi_wstrb,
    input  logic               s_axi_wlast,
    input  logic               s_axi_wvalid,
    output logic               s_axi_wready,
    output logic [    IdW-1:0] s_axi_bid,
    output logic [        1:0] s_axi_bresp,
    output logic               s_axi_bvalid,
    input  logic               s_axi_bready
);
  localparam int unsigned SizeW = $clog2(DataW / 8);

  if (Port > 65535) $error("%m: Port is %0d, allowed: 0 to 65535", Port);
  if (AddrW > 64) $error("%m: AddrW is %0d, allowed: <= 64", AddrW);
  if (IdW < 1 || IdW > 31) $error("%m: IdW is %0d, allowed: 1 to 31", IdW);

  import "DPI-C" function int axi_memory_load(
    input string  path,
    input longint addr
  );
  import "DPI-C" function void hbm2e_reset(
    input int     number,
    input longint cycle,
    inout int     stall
  );
  import "DPI-C" function void hbm2e_take(
    input int     number,
    input int     direction,
    input longint cycle,
    input longint addr,
    input int     beats,
    input int     id
  );
  import "DPI-C" function int hbm2e_write(
    input int         number,
    input longint     cycle,
    input bit [255:0] data,
    input int         strobes,
    input int         last
  );
  import "DPI-C" function int hbm2e_cycle(
    input int     number,
    input longint cycle
  );
  import "DPI-C" function int hbm2e_read(
    input  int         number,
    input  longint     cycle,
    output bit [255:0] data,
    output int         id,
    output int         last
  );
  import "DPI-C" function int hbm2e_answer(
    input  int     number,
    input  longint cycle,
    output int     id
  );

  longint cycle_q;  // counts on through a reset
  int stall_q;
  logic [31:0] random_q;
  logic [2:0] room_q;  // a beat to write, an address to write, one to read

  initial begin
    string path;
    cycle_q = 0;
    if (Port == 0 && $value$plusargs("axi_memory=%s", path)) begin
      if (axi_memory_load(path, 0) != 0) $fatal(1, "%m: cannot load %s", path);
    end
  end

  function automatic logic [31:0] next_random(input logic [31:0] state);
    logic [31:0] x;
    x = state ^ (state << 13);
    x = x ^ (x >> 17);
    return x ^ (x << 5);
  endfunction

  assign s_axi_arready = room_q[0] && 32'(random_q[7:0]) >= stall_q;
  assign s_axi_awready = room_q[1] && 32'(random_q[11:4]) >= stall_q;
  assign s_axi_wready  = room_q[2] && 32'(random_q[23:16]) >= stall_q;

  always_ff @(posedge clk_i) begin : main
    int status, stall, id, last;
    bit [255:0] data;
    cycle_q  <= cycle_q + 1;
    random_q <= next_random(random_q);
    if (!rst_ni) begin
      stall = 0;
      hbm2e_reset(Port, cycle_q, stall);
      stall_q      <= stall;
      random_q     <= 32'h1234_5678 ^ {Port[15:0], 16'd0};
      room_q       <= '0;
      s_axi_rvalid <= 1'b0;
      s_axi_bvalid <= 1'b0;
    end else begin
      if (s_axi_arvalid && s_axi_arready)
        hbm2e_take(Port, 0, cycle_q, 64'(s_axi_araddr) & ~64'(DataW / 8 - 1), 32'(s_axi_arlen) + 1, 32'(s_axi_arid));
      if (s_axi_awvalid && s_axi_awready)
        hbm2e_take(Port, 1, cycle_q, 64'(s_axi_awaddr) & ~64'(DataW / 8 - 1), 32'(s_axi_awlen) + 1, 32'(s_axi_awid));
      if (s_axi_wvalid && s_axi_wready) begin
        status = hbm2e_write(Port, cycle_q, s_axi_wdata, s_axi_wstrb, 32'(s_axi_wlast));
        a_wlast : assert (status == 32'(s_axi_wlast));
      end
      status = hbm2e_cycle(Port, cycle_q);
      room_q <= status[2:0];
      // a beat read
      if (s_axi_rvalid && s_axi_rready) s_axi_rvalid <= 1'b0;
      if ((!s_axi_rvalid || s_axi_rready) && 32'(random_q[15:8]) >= stall_q) begin
        status = hbm2e_read(Port, cycle_q, data, id, last);
        if (status >= 0) begin
          s_axi_rvalid <= 1'b1;
          s_axi_rdata  <= data;
          s_axi_rresp  <= status[1:0];
          s_axi_rid    <= id[IdW-1:0];
          s_axi_rlast  <= last[0];
        end
      end
      // an answer
      if (s_axi_bvalid && s_axi_bready) s_axi_bvalid <= 1'b0;
      if ((!s_axi_bvalid || s_axi_bready) && 32'(random_q[31:24]) >= stall_q) begin
        status = hbm2e_answer(Port, cycle_q, id);
        if (status >= 0) begin
          s_axi_bvalid <= 1'b1;
          s_axi_bresp  <= status[1:0];
          s_axi_bid    <= id[IdW-1:0];
        end
      end
    end
  end

  a_read_rules :
  assert property (@(posedge clk_i) disable iff (!rst_ni) s_axi_arvalid |->
      s_axi_arsize == 3'(SizeW) && (s_axi_arburst == 2'b01 || s_axi_arlen == 0)
      && 32'(s_axi_araddr[11:0]) + ((32'(s_axi_arlen) + 1) << SizeW) <= 4096);
  a_write_rules :
  assert property (@(posedge clk_i) disable iff (!rst_ni) s_axi_awvalid |->
      s_axi_awsize == 3'(SizeW) && (s_axi_awburst == 2'b01 || s_axi_awlen == 0)
      && 32'(s_axi_awaddr[11:0]) + ((32'(s_axi_awlen) + 1) << SizeW) <= 4096);
endmodule
