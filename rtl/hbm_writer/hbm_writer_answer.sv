// hbm_writer_answer: the table of bursts in flight; answers on B become answers to descriptors; errors and clear.
//
// Answers come in the order of the bursts (one AXI ID), so the table is a queue. A good answer to a descriptor's last burst
// is the descriptor's answer. The first bad one stops the core; when nothing is in flight any more the failing descriptor is
// answered with the cause, and nothing behind it is answered.
//
// Latency:       2 cycles from B to m_done_tvalid.
// Throughput:    one answer a cycle.
// Back-pressure: none on B: every answer has its place when its burst is issued.
//
// Parameters:
//   DataW, AddrW, TagW, IdW, Outstanding  as in hbm_writer
// Ports:
//   s_*           bursts as they are issued; table_room_o, answer_room_o: there is a place
//   desc_bad_i    an illegal descriptor is at the head (desc_*: which)
//   wlast_i       the last beat of a burst has been taken by the memory
//   sending_i     an address or data are still to be taken
//   stop_o        error or clear: accept nothing
//   flush_o       one cycle: everything is drained, empty all
//   clearing_o    a clear has been asked for
//   drained_o     nothing is in flight
module hbm_writer_answer
  import hbm_streamer_pkg::*;
#(
    parameter int unsigned DataW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned TagW = 8,
    parameter int unsigned IdW = 1,
    parameter int unsigned Outstanding = 16,
    localparam int unsigned LineW = AddrW - $clog2(DataW / 8)  // an address in beats
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic [LineW-1:0] s_line_i,
    input  logic             s_last_i,
    input  logic [ TagW-1:0] s_tag_i,
    input  logic             s_valid_i,
    output logic             table_room_o,
    output logic             answer_room_o,
    input  logic             desc_bad_i,
    input  logic [AddrW-1:0] desc_addr_i,
    input  logic [ TagW-1:0] desc_tag_i,
    input  cause_e           desc_cause_i,
    input  logic             wlast_i,
    input  logic             sending_i,
    input  logic [  IdW-1:0] m_axi_bid,
    input  logic [      1:0] m_axi_bresp,
    input  logic             m_axi_bvalid,
    output logic             m_axi_bready,
    output logic [ TagW-1:0] m_done_tag,
    output cause_e           m_done_cause,
    output logic             m_done_tvalid,
    input  logic             m_done_tready,
    input  logic             clear_i,
    output logic             stop_o,
    output logic             flush_o,
    output logic             clearing_o,
    output logic             drained_o,
    output logic             error_o,
    output cause_e           error_cause_o,
    output logic [AddrW-1:0] error_addr_o,
    output logic [ TagW-1:0] error_tag_o
);
  localparam int unsigned SizeW = $clog2(DataW / 8);
  localparam int unsigned CountW = $clog2(Outstanding + 1);
  localparam int unsigned DoneW = $clog2(Outstanding + 2);
  localparam logic [1:0] Okay = 2'b00, SlvErr = 2'b10, DecErr = 2'b11;

  logic [1:0] b_resp_q;
  logic b_foreign_q, b_valid_q;
  assign m_axi_bready = 1'b1;
  always_ff @(posedge clk_i) begin
    b_resp_q    <= m_axi_bresp;
    b_foreign_q <= m_axi_bid != '0;
    b_valid_q   <= rst_ni && m_axi_bvalid;
  end

  // ---- bursts in flight ----------------------------------------------------------------------------------------
  logic [LineW-1:0] head_line;
  logic [TagW-1:0] head_tag;
  logic head_last, head_valid;
  logic [CountW-1:0] in_table, answers_free_q, written_q;  // written_q: bursts whose data are sent, not yet answered

  fifo #(
      .Width(LineW + 1 + TagW),
      .Depth((Outstanding < 2) ? 2 : Outstanding)  // below 2 the core itself refuses
  ) i_table (
      .clk_i,
      .rst_ni,
      .clear_i  (flush_o),
      .s_data_i ({s_line_i, s_last_i, s_tag_i}),
      .s_valid_i,
      .s_ready_o(table_room_o),
      .m_data_o ({head_line, head_last, head_tag}),
      .m_valid_o(head_valid),
      .m_ready_i(b_valid_q),
      .level_o  (in_table)
  );

  cause_e b_cause;
  always_comb begin
    if (!head_valid || written_q == '0 || b_foreign_q) b_cause = CauseProtocol;
    else begin
      case (b_resp_q)
        Okay: b_cause = CauseNone;
        SlvErr: b_cause = CauseSlvErr;
        DecErr: b_cause = CauseDecErr;
        default: b_cause = CauseProtocol;
      endcase
    end
  end

  // ---- errors and clear ----------------------------------------------------------------------------------------
  logic error_q, clear_q, owed_q;  // owed: the failing descriptor is not answered yet
  wire table_empty = in_table == '0;
  // An illegal descriptor waits until everything before it has been answered: an earlier error goes first.
  wire desc_fail = desc_bad_i && table_empty && !sending_i && !b_valid_q;
  wire b_fail = b_valid_q && b_cause != CauseNone;
  wire fail = (b_fail || desc_fail) && !stop_o;
  wire answer_last = b_valid_q && !b_fail && head_last && !stop_o;
  wire answer_error = owed_q && drained_o && !clear_q;
  wire taken = m_done_tvalid && m_done_tready;

  assign drained_o = !sending_i && table_empty && !b_valid_q;
  assign flush_o = clear_q && drained_o;
  assign clearing_o = clear_q;
  assign stop_o = error_q || clear_q;
  assign error_o = error_q;
  assign answer_room_o = answers_free_q != '0;

  always_ff @(posedge clk_i) begin
    if (fail) begin
      error_addr_o <= !b_fail ? desc_addr_i : head_valid ? {head_line, SizeW'(0)} : '0;
      error_tag_o  <= !b_fail ? desc_tag_i : head_valid ? head_tag : '0;
    end
    if (!rst_ni || flush_o) error_cause_o <= CauseNone;
    else if (fail) error_cause_o <= b_fail ? b_cause : desc_cause_i;
    if (!rst_ni) begin
      error_q <= 1'b0;
      clear_q <= 1'b0;
    end else begin
      error_q <= !flush_o && (error_q || fail);
      clear_q <= clear_i || (clear_q && !flush_o);
    end
    if (!rst_ni || flush_o) begin
      owed_q         <= 1'b0;
      answers_free_q <= CountW'(Outstanding);
      written_q      <= '0;
    end else begin
      if (fail) owed_q <= !b_fail || head_valid;
      else if (answer_error) owed_q <= 1'b0;
      // After an error nothing is issued any more, so the places need no care.
      if (!error_q) answers_free_q <= answers_free_q - CountW'(s_valid_i && s_last_i) + CountW'(taken);
      written_q <= written_q + CountW'(wlast_i) - CountW'(b_valid_q && written_q != '0);
    end
  end

  // ---- answers to descriptors ----------------------------------------------------------------------------------
  logic done_room;
  logic [DoneW-1:0] dones;
  fifo #(
      .Width(TagW + $bits(cause_e)),
      .Depth(Outstanding + 1)  // one more for the failing descriptor
  ) i_done (
      .clk_i,
      .rst_ni,
      .clear_i  (clear_q),
      .s_data_i (answer_error ? {error_tag_o, error_cause_o} : {head_tag, CauseNone}),
      .s_valid_i(answer_last || answer_error),
      .s_ready_o(done_room),
      .m_data_o ({m_done_tag, m_done_cause}),
      .m_valid_o(m_done_tvalid),
      .m_ready_i(m_done_tready),
      .level_o  (dones)
  );

  a_table_has_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni) s_valid_i |-> table_room_o);
  a_answer_has_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      answer_last || answer_error |-> done_room && dones <= DoneW'(Outstanding));
  a_places :
  assert property (@(posedge clk_i) disable iff (!rst_ni) answers_free_q <= CountW'(Outstanding));
  a_sticky :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      error_o && !flush_o |=> error_o && $stable({error_cause_o, error_addr_o, error_tag_o}));
  a_cause :
  assert property (@(posedge clk_i) disable iff (!rst_ni) error_o |-> error_cause_o != CauseNone);
endmodule
