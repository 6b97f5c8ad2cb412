// axi_write_mem: AXI4 write memory for simulation only. One address and one beat a cycle, answers in the order of the
// addresses, a fixed latency, and on request stalls, errors and silence. The companion of axi_read_mem.
//
// Contents:  Any = 0: MemBytes bytes in `mem`, byte address BaseAddr + i in mem[i], 0 at first. A burst's bytes appear in mem at the
//            clock edge at which its answer begins, no sooner: who reads before the answer gets old data. commit_o is high in the
//            cycle behind that edge, with the address and the beats. A burst that leaves the memory answers DECERR and
//            changes nothing, and so does one that is answered with an error on request.
//            Any = 1: every address is taken, nothing is kept.
// Latency:   a burst whose last beat is taken in cycle t is answered in cycle t + n or later, n = latency_i or, if that is 0,
//            Latency; at least 1 (and at least 1 after its address).
// Stalls:    each cycle AWREADY is low with probability aw_stall_i/256, WREADY with w_stall_i/256, and a new answer is
//            held off with b_gap_i/256; the generator starts from seed_i at reset. W is taken before its address too.
// Errors:    with err_en_i the burst that holds address err_addr_i answers err_resp_i.
// dead_i:    no answer is begun while high; addresses and data are still taken until the queues are full.
// Bursts:    INCR, full width, WLAST in its place. Anything else is an assertion failure, and so is a burst that crosses 4 KB.
//
// Parameters:
//   DataW, AddrW, IdW  of the AXI port
//   MemBytes   bytes held (Any = 0)
//   BaseAddr   address of the first
//   Latency    cycles from the last beat to the answer
//   Queue      bursts that can wait for their answer, a power of two
//   QueueBeats beats that can, a power of two
//   Any        1: no contents
module axi_write_mem #(
    parameter int unsigned DataW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned IdW = 1,
    parameter int unsigned MemBytes = 65536,
    parameter logic [63:0] BaseAddr = 64'd0,
    parameter int unsigned Latency = 40,
    parameter int unsigned Queue = 64,
    parameter int unsigned QueueBeats = 1024,
    parameter bit Any = 1'b0
) (
    input  logic               clk_i,
    input  logic               rst_ni,
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
    input  logic               s_axi_bready,
    // what the test asks for; tie to 0 what is not used
    input  logic [       15:0] latency_i,
    input  logic [        7:0] aw_stall_i,
    input  logic [        7:0] w_stall_i,
    input  logic [        7:0] b_gap_i,
    input  logic [       31:0] seed_i,
    input  logic               err_en_i,
    input  logic [  AddrW-1:0] err_addr_i,
    input  logic [        1:0] err_resp_i,
    input  logic               dead_i,
    // what happened
    output logic               commit_o,
    output logic [       63:0] commit_addr_o,
    output logic [        8:0] commit_beats_o,
    output logic [       31:0] bursts_o          // answered since reset
);
  localparam int unsigned BeatBytes = DataW / 8;
  localparam int unsigned SizeW = $clog2(BeatBytes);
  localparam int unsigned PtrW = $clog2(Queue);
  localparam int unsigned BeatW = $clog2(QueueBeats);

  if (Queue < 2 || Queue != 1 << PtrW) $error("%m: Queue is %0d, allowed: a power of two >= 2", Queue);
  if (QueueBeats < 256 || QueueBeats != 1 << BeatW) $error("%m: QueueBeats is %0d, allowed: a power of two >= 256", QueueBeats);
  if (AddrW > 64) $error("%m: AddrW is %0d, allowed: <= 64", AddrW);

  logic [7:0] mem[Any ? 1 : MemBytes];

  // One xorshift step; a zero state must not be used.
  function automatic logic [31:0] next_random(input logic [31:0] state);
    logic [31:0] x;
    x = state ^ (state << 13);
    x = x ^ (x >> 17);
    return x ^ (x << 5);
  endfunction

  logic [31:0] random_q, now_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) random_q <= (seed_i == 0) ? 32'h8765_4321 : ~seed_i;
    else random_q <= next_random(random_q);
    now_q <= rst_ni ? now_q + 1 : '0;
  end

  // ---- addresses, data, ends of bursts ----------------------------------------------------------------------------
  logic [63:0] queue_addr[Queue];
  logic [7:0] queue_len[Queue];
  logic [IdW-1:0] queue_id[Queue];
  logic [31:0] queue_due[Queue];  // by WLAST
  logic [DataW-1:0] data[QueueBeats];
  logic [BeatBytes-1:0] strobes[QueueBeats];
  logic [PtrW:0] wr_q, end_q, rd_q;  // addresses taken, bursts whose data are here, bursts answered
  logic [BeatW:0] beat_wr_q, beat_rd_q;
  logic [7:0] beat_q;

  wire [PtrW-1:0] rd = rd_q[PtrW-1:0];
  wire [31:0] lag = (latency_i != 0) ? 32'(latency_i) : Latency;
  wire take_addr = s_axi_awvalid && s_axi_awready;
  wire take_beat = s_axi_wvalid && s_axi_wready;
  wire whole = wr_q != rd_q && end_q != rd_q && $signed(now_q - queue_due[rd]) >= 0;
  wire answer = whole && !dead_i && (!s_axi_bvalid || s_axi_bready) && random_q[23:16] >= b_gap_i;

  assign s_axi_awready = rst_ni && (wr_q - rd_q) != (PtrW + 1)'(Queue) && random_q[7:0] >= aw_stall_i;
  assign s_axi_wready = rst_ni && (end_q - rd_q) != (PtrW + 1)'(Queue)
      && (beat_wr_q - beat_rd_q) != (BeatW + 1)'(QueueBeats) && random_q[15:8] >= w_stall_i;

  wire [63:0] addr = queue_addr[rd];
  wire [8:0] beats = 9'(queue_len[rd]) + 9'd1;
  wire [63:0] bytes = 64'(beats) << SizeW;
  wire [63:0] offset = addr - BaseAddr;
  wire outside = !Any && (offset >= 64'(MemBytes) || offset + bytes > 64'(MemBytes));
  wire hit = err_en_i && 64'(err_addr_i) - addr < bytes;
  wire [1:0] resp = hit ? err_resp_i : outside ? 2'b11 : 2'b00;

  always_ff @(posedge clk_i) begin
    if (take_addr) begin
      queue_addr[wr_q[PtrW-1:0]] <= 64'(s_axi_awaddr);
      queue_len[wr_q[PtrW-1:0]]  <= s_axi_awlen;
      queue_id[wr_q[PtrW-1:0]]   <= s_axi_awid;
    end
    if (take_beat) begin
      data[beat_wr_q[BeatW-1:0]]    <= s_axi_wdata;
      strobes[beat_wr_q[BeatW-1:0]] <= s_axi_wstrb;
      if (s_axi_wlast) queue_due[end_q[PtrW-1:0]] <= now_q + ((lag < 2) ? 1 : lag - 1);
    end
    if (!rst_ni) begin
      wr_q         <= '0;
      end_q        <= '0;
      rd_q         <= '0;
      beat_wr_q    <= '0;
      beat_rd_q    <= '0;
      beat_q       <= '0;
      bursts_o     <= '0;
      commit_o     <= 1'b0;
      s_axi_bvalid <= 1'b0;
    end else begin
      if (take_addr) wr_q <= wr_q + 1;
      if (take_beat) begin
        beat_wr_q <= beat_wr_q + 1;
        beat_q    <= s_axi_wlast ? '0 : beat_q + 1;
        if (s_axi_wlast) end_q <= end_q + 1;
      end
      if (s_axi_bvalid && s_axi_bready) s_axi_bvalid <= 1'b0;
      if (answer) begin
        s_axi_bvalid <= 1'b1;
        s_axi_bid    <= queue_id[rd];
        s_axi_bresp  <= resp;
        rd_q         <= rd_q + 1;
        beat_rd_q    <= beat_rd_q + (BeatW + 1)'(beats);
        bursts_o     <= bursts_o + 1;
      end
      commit_o       <= answer && resp == 2'b00;
      commit_addr_o  <= addr;
      commit_beats_o <= beats;
    end
  end

  initial for (int unsigned i = 0; i < $size(mem); i++) mem[i] = 8'd0;
  always @(posedge clk_i) begin
    if (rst_ni && answer && resp == 2'b00 && !Any) begin
      for (int unsigned beat = 0; beat < 32'(beats); beat++) begin
        for (int unsigned i = 0; i < BeatBytes; i++) begin
          if (strobes[BeatW'(32'(beat_rd_q)+beat)][i])
            mem[32'(offset)+beat*BeatBytes+i] = data[BeatW'(32'(beat_rd_q)+beat)][8*i+:8];
        end
      end
    end
  end

  a_full_width_incr :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      s_axi_awvalid |-> s_axi_awsize == 3'(SizeW) && (s_axi_awburst == 2'b01 || s_axi_awlen == 0));
  a_4k_border :
  assert property (@(posedge clk_i) disable iff (!rst_ni) s_axi_awvalid |->
      32'(s_axi_awaddr[11:0]) + (32'(s_axi_awlen) + 1) * BeatBytes <= 4096);
  a_wlast :  // judged where the address is known
  assert property (@(posedge clk_i) disable iff (!rst_ni) take_beat && wr_q != end_q |->
      s_axi_wlast == (beat_q == queue_len[end_q[PtrW-1:0]]));
endmodule
