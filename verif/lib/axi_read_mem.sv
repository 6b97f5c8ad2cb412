/* verilator lint_off DECLFILENAME */  // one file to list for whoever uses the memory
// axi_read_mem_pkg: the contents of an axi_read_mem with Hash = 1, for checkers that need no memory.
package axi_read_mem_pkg;
  // The 32-bit word at byte address 4*w (w = the address divided by 4). All arithmetic modulo 2^32.
  // verif/lib/axi_read_mem.py is the same function for NumPy.
  function automatic logic [31:0] hash_word(input logic [63:0] w);
    logic [31:0] x;
    x = w[31:0] ^ {w[47:32], w[63:48]};
    x = x * 32'h9E37_79B1;
    x = x ^ (x >> 15);
    x = x * 32'h85EB_CA77;
    x = x ^ (x >> 13);
    return x;
  endfunction

  // One step of a xorshift generator: the random stalls here and in test benches; a zero state must not be used.
  function automatic logic [31:0] next_random(input logic [31:0] state);
    logic [31:0] x;
    x = state ^ (state << 13);
    x = x ^ (x >> 17);
    return x ^ (x << 5);
  endfunction
endpackage
/* verilator lint_on DECLFILENAME */

// axi_read_mem: AXI4 read memory for simulation only. One address a cycle, one beat a cycle, answers in the order of
// the addresses (whatever their ID), a fixed latency, and on request stalls, errors and silence.
//
// Contents:  Hash = 0: MemBytes bytes in `mem`, byte address BaseAddr + i in mem[i]; read with $fread from the file of
//            +axi_read_mem=<path> or else of ImageFile, at time 0 and at every cycle with load_i = 1 (so a test can
//            write the file anew). What lies outside answers DECERR.
//            Hash = 1: every address answers axi_read_mem_pkg::hash_word of its words; no memory at all.
// Latency:   an address taken in cycle t has its first beat valid in cycle t + n or later, n = latency_i, or if that is
//            0, +axi_read_mem_latency=<n>, or else Latency; at least 2. Beats of one burst follow each other, and
//            bursts too, so the long-run rate is one beat a cycle.
// Stalls:    each cycle ARREADY is low with probability ar_stall_i/256, and a new beat is held off with r_gap_i/256;
//            the generator starts from seed_i at reset. RVALID once up stays up.
// Errors:    with err_en_i the beat that holds address err_addr_i answers err_resp_i and, with err_last_i, an inverted
//            RLAST. The rest is unaffected.
// dead_i:    no new beat is begun while high; addresses are still taken until the queue is full.
// Bursts:    INCR, full width. Anything else is an assertion failure, and so is an address that crosses 4 KB.
//
// Parameters:
//   DataW, AddrW, IdW  of the AXI port
//   MemBytes   bytes held (Hash = 0)
//   BaseAddr   address of the first
//   Latency    cycles from address to first beat
//   Queue      bursts that can wait for their answer
//   Hash       1: contents are computed
//   ImageFile  file of the contents ("" = none; bytes the file does not fill are 0)
module axi_read_mem
  import axi_read_mem_pkg::*;
#(
    parameter int unsigned DataW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned IdW = 1,
    parameter int unsigned MemBytes = 65536,
    parameter logic [63:0] BaseAddr = 64'd0,
    parameter int unsigned Latency = 75,
    parameter int unsigned Queue = 256,
    parameter bit Hash = 1'b0,
    parameter string ImageFile = ""
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic [  IdW-1:0] s_axi_arid,
    input  logic [AddrW-1:0] s_axi_araddr,
    input  logic [      7:0] s_axi_arlen,
    input  logic [      2:0] s_axi_arsize,
    input  logic [      1:0] s_axi_arburst,
    input  logic             s_axi_arvalid,
    output logic             s_axi_arready,
    output logic [  IdW-1:0] s_axi_rid,
    output logic [DataW-1:0] s_axi_rdata,
    output logic [      1:0] s_axi_rresp,
    output logic             s_axi_rlast,
    output logic             s_axi_rvalid,
    input  logic             s_axi_rready,
    // what the test asks for; tie to 0 what is not used
    input  logic [     15:0] latency_i,
    input  logic [      7:0] ar_stall_i,
    input  logic [      7:0] r_gap_i,
    input  logic [     31:0] seed_i,
    input  logic             err_en_i,
    input  logic [AddrW-1:0] err_addr_i,
    input  logic [      1:0] err_resp_i,
    input  logic             err_last_i,
    input  logic             dead_i,
    input  logic             load_i,
    // what happened since reset
    output logic [     31:0] ars_o,
    output logic [     31:0] beats_o
);
  localparam int unsigned BeatBytes = DataW / 8;
  localparam int unsigned SizeW = $clog2(BeatBytes);
  localparam int unsigned PtrW = $clog2(Queue);

  if (Queue < 2 || Queue != 1 << $clog2(Queue)) $error("%m: Queue is %0d, allowed: a power of two >= 2", Queue);
  if (AddrW > 64) $error("%m: AddrW is %0d, allowed: <= 64", AddrW);

  logic [7:0] mem[Hash ? 1 : MemBytes];
  string image = ImageFile;
  int unsigned latency = Latency;

  task automatic load();
    int file;
    int unused;
    if (image != "") begin
      file = $fopen(image, "rb");
      if (file == 0) $fatal(1, "%m: cannot open %s", image);
      unused = $fread(mem, file);
      $fclose(file);
    end
  endtask

  initial begin
    unused_plusarg = $value$plusargs("axi_read_mem=%s", image);
    unused_plusarg = $value$plusargs("axi_read_mem_latency=%d", latency);
    if (!Hash) load();
  end
  int unused_plusarg;

  always_ff @(posedge clk_i) if (!Hash && load_i) load();

  // ---- random ------------------------------------------------------------------------------------------------
  logic [31:0] random_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) random_q <= (seed_i == 0) ? 32'h1234_5678 : seed_i;
    else random_q <= next_random(random_q);
  end

  // ---- addresses waiting for their answer --------------------------------------------------------------------
  logic [63:0] queue_addr[Queue];
  logic [7:0] queue_len[Queue];
  logic [IdW-1:0] queue_id[Queue];
  logic [31:0] queue_due[Queue];
  logic [PtrW:0] wr_q, rd_q;
  logic [31:0] now_q;
  logic [7:0] beat_q;

  wire [PtrW-1:0] wr = wr_q[PtrW-1:0];
  wire [PtrW-1:0] rd = rd_q[PtrW-1:0];
  wire [31:0] lag = (latency_i != 0) ? 32'(latency_i) : latency;
  wire take = s_axi_arvalid && s_axi_arready;
  wire waiting = wr_q != rd_q && $signed(now_q - queue_due[rd]) >= 0;
  wire start = waiting && !dead_i && (!s_axi_rvalid || s_axi_rready) && random_q[15:8] >= r_gap_i;

  assign s_axi_arready = rst_ni && (wr_q - rd_q) != (PtrW + 1)'(Queue) && random_q[7:0] >= ar_stall_i;

  always_ff @(posedge clk_i) begin
    if (take) begin
      queue_addr[wr] <= 64'(s_axi_araddr) & ~64'(BeatBytes - 1);
      queue_len[wr]  <= s_axi_arlen;
      queue_id[wr]   <= s_axi_arid;
      queue_due[wr]  <= now_q + ((lag < 2) ? 1 : lag - 1);  // the cycle before the beat is valid
    end
    if (!rst_ni) begin
      wr_q <= '0;
      rd_q <= '0;
      now_q <= '0;
      beat_q <= '0;
      ars_o <= '0;
      beats_o <= '0;
      s_axi_rvalid <= 1'b0;
    end else begin
      now_q <= now_q + 1;
      if (take) wr_q <= wr_q + 1;
      if (take) ars_o <= ars_o + 1;
      if (s_axi_rvalid && s_axi_rready) begin
        beats_o <= beats_o + 1;
        s_axi_rvalid <= 1'b0;
      end
      if (start) begin
        s_axi_rvalid <= 1'b1;
        beat_q <= (beat_q == queue_len[rd]) ? '0 : beat_q + 1;
        if (beat_q == queue_len[rd]) rd_q <= rd_q + 1;
      end
    end
  end

  // ---- the beat ------------------------------------------------------------------------------------------------
  wire [63:0] addr = queue_addr[rd] + (64'(beat_q) << SizeW);
  wire [63:0] offset = addr - BaseAddr;
  wire outside = !Hash && offset > 64'(MemBytes) - 64'(BeatBytes);
  wire hit = err_en_i && addr == (64'(err_addr_i) & ~64'(BeatBytes - 1));

  always_ff @(posedge clk_i) begin
    if (start) begin
      s_axi_rid   <= queue_id[rd];
      s_axi_rresp <= hit ? err_resp_i : outside ? 2'b11 : 2'b00;
      s_axi_rlast <= (beat_q == queue_len[rd]) ^ (hit && err_last_i);
      if (Hash) begin
        for (int unsigned i = 0; i < DataW / 32; i++) s_axi_rdata[32*i+:32] <= hash_word((addr >> 2) + 64'(i));
      end else begin
        for (int unsigned i = 0; i < BeatBytes; i++) begin
          s_axi_rdata[8*i+:8] <= outside ? 8'd0 : mem[32'(offset)+i];
        end
      end
    end
  end

  a_full_width_incr :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      s_axi_arvalid |-> s_axi_arsize == 3'(SizeW) && (s_axi_arburst == 2'b01 || s_axi_arlen == 0));
  a_4k_border :
  assert property (@(posedge clk_i) disable iff (!rst_ni) s_axi_arvalid |->
      32'(s_axi_araddr[11:0]) + (32'(s_axi_arlen) + 1) * BeatBytes <= 4096);
endmodule
