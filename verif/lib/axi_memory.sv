// axi_memory: one AXI4 port, 256 bits, of the memory of a system simulation. All ports share one memory in C++ (axi_memory.cpp, to be
// compiled with this), which Python fills, reads and makes fail (axi_memory.py); nothing of it runs in Python during the simulation.
//
// Contents:  2^36 bytes from address 0, zeros at first; the file of +axi_memory=<path> from address 0 on, if given.
// Reads:     in the order of the addresses; an address taken in cycle t has its first beat valid in cycle t + Latency or later.
// Writes:    a beat is taken when its address is here; a burst takes effect, whole, when its answer begins, Latency cycles after its
//            last beat or later: who reads before the answer gets old data.
// Bandwidth: Rate / 256 beats a cycle, reads and writes together; they take turns where both wait.
// Stalls:    every cycle each ready, and each new beat or answer, is held off with probability Stall / 256.
// Faults:    SLVERR and DECERR for beats on request, DECERR outside; a burst with such a beat writes nothing. On request no more answers.
// Reset:     forgets addresses and bursts without an answer; the settings of axi_memory.py take effect.
// Bursts:    INCR, full width, not across 4 KB, WLAST in its place. Anything else is an assertion failure.
//
// Parameters:
//   Port     number of the port, for faults, settings and counts
//   AddrW, IdW
//   Latency  cycles, at least 2
//   Rate     1 to 512; 256 is a beat a cycle
//   Stall    0 to 255
//   Queue    bursts that can wait, of each kind, a power of two
module axi_memory #(
    parameter int unsigned Port = 0,
    parameter int unsigned AddrW = 64,
    parameter int unsigned IdW = 1,
    parameter int unsigned Latency = 75,
    parameter int unsigned Rate = 256,
    parameter int unsigned Stall = 0,
    parameter int unsigned Queue = 64,
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
  localparam int unsigned PtrW = $clog2(Queue);
  localparam int unsigned Beat = 256;  // what a beat costs

  if (Queue < 2 || Queue != 1 << PtrW) $error("%m: Queue is %0d, allowed: a power of two >= 2", Queue);
  if (AddrW > 64) $error("%m: AddrW is %0d, allowed: <= 64", AddrW);
  if (Latency < 2 || Latency > 65535) $error("%m: Latency is %0d, allowed: 2 to 65535", Latency);
  if (Rate < 1 || Rate > 512) $error("%m: Rate is %0d, allowed: 1 to 512", Rate);
  if (Stall > 255) $error("%m: Stall is %0d, allowed: 0 to 255", Stall);

  import "DPI-C" function void axi_memory_reset(
    input  int number,
    inout  int latency,
    inout  int rate,
    inout  int stall
  );
  import "DPI-C" function int axi_memory_load(
    input string  path,
    input longint addr
  );
  import "DPI-C" function int axi_memory_read(
    input  int         number,
    input  longint     addr,
    output bit [255:0] data
  );
  import "DPI-C" function void axi_memory_write(
    input int         number,
    input longint     addr,
    input bit [255:0] data,
    input int         strobes,
    input int         last
  );
  import "DPI-C" function int axi_memory_answer(input int number);

  initial begin
    string path;
    if (Port == 0 && $value$plusargs("axi_memory=%s", path)) begin
      if (axi_memory_load(path, 0) != 0) $fatal(1, "%m: cannot load %s", path);
    end
  end

  // ---- settings, random, bandwidth -----------------------------------------------------------------------------------
  int latency_q, rate_q, stall_q, credit_q;
  logic [31:0] random_q, now_q;
  logic read_turn_q;

  function automatic logic [31:0] next_random(input logic [31:0] state);
    logic [31:0] x;
    x = state ^ (state << 13);
    x = x ^ (x >> 17);
    return x ^ (x << 5);
  endfunction

  // ---- addresses that wait ---------------------------------------------------------------------------------------------
  logic [63:0] read_addr[Queue], write_addr[Queue];
  logic [7:0] read_len[Queue], write_len[Queue];
  logic [IdW-1:0] read_id[Queue], write_id[Queue];
  logic [31:0] read_due[Queue], write_due[Queue];
  logic [PtrW:0] ar_q, r_q;  // reads: taken, finished
  logic [PtrW:0] aw_q, w_q, b_q;  // writes: taken, with all their data, answered
  logic [7:0] read_beat_q, write_beat_q;

  wire [PtrW-1:0] r_at = r_q[PtrW-1:0];
  wire [PtrW-1:0] w_at = w_q[PtrW-1:0];
  wire [PtrW-1:0] b_at = b_q[PtrW-1:0];
  wire calm_ar = 32'(random_q[7:0]) >= stall_q;
  wire calm_r = 32'(random_q[15:8]) >= stall_q;
  wire calm_w = 32'(random_q[23:16]) >= stall_q;
  wire calm_b = 32'(random_q[31:24]) >= stall_q;
  wire calm_aw = 32'(random_q[11:4]) >= stall_q;

  wire read_due_now = ar_q != r_q && $signed(now_q - read_due[r_at]) >= 0;
  wire write_wants = aw_q != w_q && s_axi_wvalid;
  wire read_may = credit_q >= 2 * Beat || (credit_q >= Beat && (read_turn_q || !write_wants));
  wire write_may = credit_q >= 2 * Beat || (credit_q >= Beat && (!read_turn_q || !read_due_now));
  wire read_go = read_due_now && read_may && calm_r && (!s_axi_rvalid || s_axi_rready);
  wire write_go = s_axi_wvalid && s_axi_wready;
  wire answer_go = w_q != b_q && $signed(now_q - write_due[b_at]) >= 0 && calm_b && (!s_axi_bvalid || s_axi_bready);

  assign s_axi_arready = rst_ni && (ar_q - r_q) != (PtrW + 1)'(Queue) && calm_ar;
  assign s_axi_awready = rst_ni && (aw_q - b_q) != (PtrW + 1)'(Queue) && calm_aw;
  assign s_axi_wready  = rst_ni && aw_q != w_q && write_may && calm_w;

  wire [63:0] beat_addr = read_addr[r_at] + (64'(read_beat_q) << SizeW);
  wire [63:0] store_addr = write_addr[w_at] + (64'(write_beat_q) << SizeW);

  always_ff @(posedge clk_i) begin : main
    int status, latency, rate, stall;
    bit [255:0] data;
    random_q <= next_random(random_q);
    now_q    <= now_q + 1;
    if (!rst_ni) begin
      latency = Latency;
      rate    = Rate;
      stall   = Stall;
      axi_memory_reset(Port, latency, rate, stall);
      latency_q    <= latency;
      rate_q       <= rate;
      stall_q      <= stall;
      credit_q     <= 0;
      random_q     <= 32'h1234_5678 ^ {Port[15:0], 16'd0};
      now_q        <= '0;
      read_turn_q  <= 1'b0;
      {ar_q, r_q, aw_q, w_q, b_q} <= '0;
      read_beat_q  <= '0;
      write_beat_q <= '0;
      s_axi_rvalid <= 1'b0;
      s_axi_bvalid <= 1'b0;
    end else begin
      // addresses
      if (s_axi_arvalid && s_axi_arready) begin
        read_addr[ar_q[PtrW-1:0]] <= 64'(s_axi_araddr) & ~64'(DataW / 8 - 1);
        read_len[ar_q[PtrW-1:0]]  <= s_axi_arlen;
        read_id[ar_q[PtrW-1:0]]   <= s_axi_arid;
        read_due[ar_q[PtrW-1:0]]  <= now_q + latency_q - 1;
        ar_q                      <= ar_q + 1;
      end
      if (s_axi_awvalid && s_axi_awready) begin
        write_addr[aw_q[PtrW-1:0]] <= 64'(s_axi_awaddr) & ~64'(DataW / 8 - 1);
        write_len[aw_q[PtrW-1:0]]  <= s_axi_awlen;
        write_id[aw_q[PtrW-1:0]]   <= s_axi_awid;
        aw_q                       <= aw_q + 1;
      end
      // a beat read
      if (s_axi_rvalid && s_axi_rready) s_axi_rvalid <= 1'b0;
      status = -1;
      if (read_go) status = axi_memory_read(Port, beat_addr, data);
      if (status >= 0) begin
        s_axi_rvalid <= 1'b1;
        s_axi_rdata  <= data;
        s_axi_rresp  <= status[1:0];
        s_axi_rid    <= read_id[r_at];
        s_axi_rlast  <= read_beat_q == read_len[r_at];
        read_beat_q  <= read_beat_q == read_len[r_at] ? '0 : read_beat_q + 1;
        if (read_beat_q == read_len[r_at]) r_q <= r_q + 1;
      end
      // a beat written
      if (write_go) begin
        axi_memory_write(Port, store_addr, s_axi_wdata, s_axi_wstrb, 32'(s_axi_wlast));
        write_beat_q <= s_axi_wlast ? '0 : write_beat_q + 1;
        if (s_axi_wlast) begin
          write_due[w_at] <= now_q + latency_q - 1;
          w_q             <= w_q + 1;
        end
      end
      // bandwidth
      if ((status >= 0) != write_go) read_turn_q <= write_go;
      credit_q <= credit_q - ((status >= 0) ? Beat : 0) - (write_go ? Beat : 0) + rate_q;
      if (credit_q - ((status >= 0) ? Beat : 0) - (write_go ? Beat : 0) + rate_q > 2 * Beat) credit_q <= 2 * Beat;
      // an answer
      if (s_axi_bvalid && s_axi_bready) s_axi_bvalid <= 1'b0;
      status = -1;
      if (answer_go) status = axi_memory_answer(Port);
      if (status >= 0) begin
        s_axi_bvalid <= 1'b1;
        s_axi_bresp  <= status[1:0];
        s_axi_bid    <= write_id[b_at];
        b_q          <= b_q + 1;
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
  a_wlast :
  assert property (@(posedge clk_i) disable iff (!rst_ni) write_go |-> s_axi_wlast == (write_beat_q == write_len[w_at]));
endmodule
