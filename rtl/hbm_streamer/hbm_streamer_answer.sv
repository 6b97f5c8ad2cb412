// hbm_streamer_answer: the table of bursts in flight; says to which burst a beat belongs and whether it is good.
//
// Answers come in the order of the bursts (one AXI ID), so the table is a queue. Its head is popped by RLAST, whether
// RLAST is in the right place or not: the queue must run empty also behind a memory that misplaces it.
//
// Latency:       1 cycle from R to the judged beat; a burst can be matched 2 cycles after s_valid_i, which is when the
//                fastest possible answer arrives.
// Throughput:    one burst and one beat a cycle.
// Back-pressure: none on R; s_ready_o depends only on registers.
//
// Parameters:
//   DataW, AddrW, TagW, IdW, MaxBurstBytes, FetchDescs  as in hbm_streamer
// Ports:
//   s_*      bursts as they are issued
//   flush_i  empties the table
//   flight_o a burst is in flight
//   m_*      the beat: m_cause_o != CauseNone where it is not good, with the address and tag to report (0 if nobody
//            asked for it)
module hbm_streamer_answer
  import hbm_streamer_pkg::*;
#(
    parameter int unsigned DataW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned TagW = 8,
    parameter int unsigned IdW = 1,
    parameter int unsigned MaxBurstBytes = 512,
    parameter int unsigned FetchDescs = 128,
    localparam int unsigned BeatsW = $clog2(MaxBurstBytes / (DataW / 8) + 1),
    localparam int unsigned LineW = AddrW - $clog2(DataW / 8)  // an address in beats
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic              flush_i,
    input  logic [ LineW-1:0] s_line_i,
    input  logic [BeatsW-1:0] s_beats_i,
    input  logic              s_last_i,
    input  logic [  TagW-1:0] s_tag_i,
    input  logic              s_valid_i,
    output logic              s_ready_o,
    input  logic [   IdW-1:0] m_axi_rid,
    input  logic [ DataW-1:0] m_axi_rdata,
    input  logic [       1:0] m_axi_rresp,
    input  logic              m_axi_rlast,
    input  logic              m_axi_rvalid,
    output logic              m_valid_o,
    output logic [ DataW-1:0] m_data_o,
    output logic              m_last_o,
    output logic [  TagW-1:0] m_tag_o,
    output cause_e            m_cause_o,
    output logic [ LineW-1:0] m_line_o,
    output logic              flight_o
);
  localparam int unsigned MaxBeats = MaxBurstBytes / (DataW / 8);
  localparam int unsigned EntryW = LineW + BeatsW + 1 + TagW;
  localparam logic [1:0] Okay = 2'b00, SlvErr = 2'b10, DecErr = 2'b11;

  logic [DataW-1:0] r_data_q;
  logic [1:0] r_resp_q;
  logic r_last_q, r_foreign_q, r_valid_q;

  always_ff @(posedge clk_i) begin
    r_data_q <= m_axi_rdata;
    r_resp_q <= m_axi_rresp;
    r_last_q <= m_axi_rlast;
    r_foreign_q <= m_axi_rid != '0;
    r_valid_q <= rst_ni && m_axi_rvalid;
  end

  // The oldest burst, the one that the beat belongs to, sits in registers.
  logic [EntryW-1:0] next_entry;
  logic [LineW-1:0] head_line_q;
  logic [BeatsW-1:0] head_beats_q, beat_q;  // beat_q: beats of it before this one
  logic [TagW-1:0] head_tag_q;
  logic head_last_q, head_valid_q, next_valid;

  wire head_load = (r_valid_q && r_last_q) || !head_valid_q;

  fifo #(
      .Width(EntryW),
      .Depth((FetchDescs < 2) ? 2 : FetchDescs)  // below 2 the core itself refuses
  ) i_table (
      .clk_i,
      .rst_ni,
      .clear_i  (flush_i),
      .s_data_i ({s_line_i, s_beats_i - BeatsW'(1), s_last_i, s_tag_i}),
      .s_valid_i,
      .s_ready_o,
      .m_data_o (next_entry),
      .m_valid_o(next_valid),
      .m_ready_i(head_load),
      .level_o  ()
  );

  always_ff @(posedge clk_i) begin
    if (head_load) {head_line_q, head_beats_q, head_last_q, head_tag_q} <= next_entry;
    if (!rst_ni || flush_i) begin
      head_valid_q <= 1'b0;
      beat_q       <= '0;
    end else begin
      if (head_load) head_valid_q <= next_valid;
      if (r_valid_q) beat_q <= r_last_q ? '0 : beat_q + BeatsW'(1);
    end
  end

  // Bursts stay in an aligned chunk, so only the low bits of the address need an adder.
  localparam logic [LineW-1:0] InChunk = LineW'(MaxBeats - 1);
  wire [LineW-1:0] line = (head_line_q & ~InChunk) | ((head_line_q + LineW'(beat_q)) & InChunk);
  wire burst_end = beat_q == head_beats_q;

  always_comb begin
    if (!head_valid_q) m_cause_o = CauseProtocol;
    else if (r_resp_q == SlvErr) m_cause_o = CauseSlvErr;
    else if (r_resp_q == DecErr) m_cause_o = CauseDecErr;
    else if (r_resp_q != Okay || r_foreign_q || r_last_q != burst_end) m_cause_o = CauseProtocol;
    else m_cause_o = CauseNone;
  end

  assign m_valid_o = r_valid_q;
  assign m_data_o = r_data_q;
  assign m_last_o = head_last_q && burst_end;
  assign m_tag_o = head_valid_q ? head_tag_q : '0;
  assign m_line_o = head_valid_q ? line : '0;
  assign flight_o = head_valid_q || next_valid;

  a_table_has_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni) s_valid_i |-> s_ready_o);
endmodule
