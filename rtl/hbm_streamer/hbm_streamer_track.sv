// hbm_streamer_track: issues bursts within the window and the buffer's room, matches the answers, stops on errors.
//
//   a burst of n beats is issued when  in flight + n <= Window  and  issued but not delivered + n <= Buffer
//
// So every beat that comes back has its place reserved: m_axi_rready is constantly 1 and R never stalls. All bursts
// carry ID 0, so AXI returns them in order; hbm_streamer_answer matches them.
//
// Stop (error or clear): the address on offer stays until taken (AXI), no other follows; beats still in flight are
// dropped. Drained = no address on offer, and no beat in flight or no burst in flight: with a memory that keeps the
// protocol both become true together; one that misplaces RLAST can hold back only one of them, so nothing hangs.
//
// Latency:       1 cycle from s_valid_i to m_axi_arvalid; 1 cycle from R to m_push_o.
// Throughput:    one address a cycle and one beat a cycle.
//
// Parameters:
//   DataW, AddrW, TagW, IdW, MaxBurstBytes, FetchDescs  as in hbm_streamer
//   WindowBeats, BufferBeats                            the limits, in beats
// Ports:
//   s_*         bursts and illegal descriptors from hbm_streamer_split
//   m_push_o .. a good beat for the buffer; m_pop_i tells that one has left it
//   stop_o      error or clear: accept nothing
//   flush_o     one cycle: everything is drained, empty all
//   clearing_o  a clear has been asked for: the buffer is to be kept empty
//   drained_o   nothing is in flight
module hbm_streamer_track
  import hbm_streamer_pkg::*;
#(
    parameter int unsigned DataW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned TagW = 8,
    parameter int unsigned IdW = 1,
    parameter int unsigned MaxBurstBytes = 512,
    parameter int unsigned WindowBeats = 128,
    parameter int unsigned BufferBeats = 512,
    parameter int unsigned FetchDescs = 128,
    localparam int unsigned BeatsW = $clog2(MaxBurstBytes / (DataW / 8) + 1)
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic [ AddrW-1:0] s_addr_i,
    input  logic [BeatsW-1:0] s_beats_i,
    input  logic              s_last_i,
    input  logic [  TagW-1:0] s_tag_i,
    input  cause_e            s_cause_i,
    input  logic              s_valid_i,
    output logic              s_ready_o,
    output logic [ AddrW-1:0] m_axi_araddr,
    output logic [       7:0] m_axi_arlen,
    output logic              m_axi_arvalid,
    input  logic              m_axi_arready,
    input  logic [   IdW-1:0] m_axi_rid,
    input  logic [ DataW-1:0] m_axi_rdata,
    input  logic [       1:0] m_axi_rresp,
    input  logic              m_axi_rlast,
    input  logic              m_axi_rvalid,
    output logic              m_axi_rready,
    output logic              m_push_o,
    output logic [ DataW-1:0] m_data_o,
    output logic              m_last_o,
    output logic [  TagW-1:0] m_tag_o,
    input  logic              m_pop_i,
    input  logic              clear_i,
    output logic              stop_o,
    output logic              flush_o,
    output logic              clearing_o,
    output logic              drained_o,
    output logic              error_o,
    output cause_e            error_cause_o,
    output logic [ AddrW-1:0] error_addr_o,
    output logic [  TagW-1:0] error_tag_o
);
  localparam int unsigned SizeW = $clog2(DataW / 8);
  localparam int unsigned LineW = AddrW - SizeW;  // an address in beats
  localparam int unsigned WindowW = $clog2(WindowBeats + 1);
  localparam int unsigned BufferW = $clog2(BufferBeats + 1);

  // ---- issue -------------------------------------------------------------------------------------------------
  logic [WindowW-1:0] window_free_q;
  logic [BufferW-1:0] buffer_free_q;
  logic ar_valid_q, table_ready;
  logic error_q, clear_q;

  wire window_idle = window_free_q == WindowW'(WindowBeats);
  // What would be free after issuing; a negative number (top bit) says that the burst does not fit.
  wire [WindowW:0] window_then = {1'b0, window_free_q} - (WindowW + 1)'(s_beats_i);
  wire [BufferW:0] buffer_then = {1'b0, buffer_free_q} - (BufferW + 1)'(s_beats_i);
  wire fits = !window_then[WindowW] && !buffer_then[BufferW];
  wire issue = s_valid_i && s_cause_i == CauseNone && fits && table_ready && !stop_o && (!ar_valid_q || m_axi_arready);

  assign s_ready_o = issue;
  assign stop_o = error_q || clear_q;
  assign m_axi_arvalid = ar_valid_q;
  assign m_axi_rready = 1'b1;

  always_ff @(posedge clk_i) begin
    if (issue) begin
      m_axi_araddr <= s_addr_i;
      m_axi_arlen  <= 8'(s_beats_i - BeatsW'(1));
    end
    if (!rst_ni) ar_valid_q <= 1'b0;
    else if (issue) ar_valid_q <= 1'b1;
    else if (m_axi_arready) ar_valid_q <= 1'b0;
  end

  // ---- answers -----------------------------------------------------------------------------------------------
  logic beat_valid, flight;
  logic [LineW-1:0] beat_line;
  logic [TagW-1:0] beat_tag;
  cause_e beat_cause;

  hbm_streamer_answer #(
      .DataW        (DataW),
      .AddrW        (AddrW),
      .TagW         (TagW),
      .IdW          (IdW),
      .MaxBurstBytes(MaxBurstBytes),
      .FetchDescs   (FetchDescs)
  ) i_answer (
      .clk_i,
      .rst_ni,
      .flush_i  (flush_o),
      .s_line_i (s_addr_i[AddrW-1:SizeW]),
      .s_beats_i,
      .s_last_i,
      .s_tag_i,
      .s_valid_i(issue),
      .s_ready_o(table_ready),
      .m_axi_rid,
      .m_axi_rdata,
      .m_axi_rresp,
      .m_axi_rlast,
      .m_axi_rvalid,
      .m_valid_o(beat_valid),
      .m_data_o,
      .m_last_o,
      .m_tag_o  (beat_tag),
      .m_cause_o(beat_cause),
      .m_line_o (beat_line),
      .flight_o (flight)
  );

  assign m_push_o = beat_valid && beat_cause == CauseNone && !stop_o;
  assign m_tag_o  = beat_tag;

  // ---- counts ------------------------------------------------------------------------------------------------
  wire window_back = beat_valid && !window_idle;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_o) begin
      window_free_q <= WindowW'(WindowBeats);
      buffer_free_q <= BufferW'(BufferBeats);
    end else begin
      window_free_q <= (issue ? window_then[WindowW-1:0] : window_free_q) + WindowW'(window_back);
      buffer_free_q <= (issue ? buffer_then[BufferW-1:0] : buffer_free_q) + BufferW'(m_pop_i);
    end
  end

  // ---- errors and clear --------------------------------------------------------------------------------------
  // An illegal descriptor waits at the head until everything before it has arrived: an earlier error goes first.
  wire desc_bad = s_valid_i && s_cause_i != CauseNone && window_idle;
  wire beat_bad = beat_valid && beat_cause != CauseNone;
  wire fail = (beat_bad || desc_bad) && !stop_o;

  always_ff @(posedge clk_i) begin
    if (fail) begin
      error_addr_o <= beat_bad ? {beat_line, SizeW'(0)} : s_addr_i;
      error_tag_o  <= beat_bad ? beat_tag : s_tag_i;
    end
    if (!rst_ni || flush_o) error_cause_o <= CauseNone;
    else if (fail) error_cause_o <= beat_bad ? beat_cause : s_cause_i;
    if (!rst_ni) begin
      error_q <= 1'b0;
      clear_q <= 1'b0;
    end else begin
      error_q <= !flush_o && (error_q || fail);
      clear_q <= clear_i || (clear_q && !flush_o);
    end
  end

  assign drained_o = !ar_valid_q && (window_idle || !flight);
  assign flush_o = clear_q && drained_o;
  assign clearing_o = clear_q;
  assign error_o = error_q;

  a_window :
  assert property (@(posedge clk_i) disable iff (!rst_ni) window_free_q <= WindowW'(WindowBeats));
  a_buffer :
  assert property (@(posedge clk_i) disable iff (!rst_ni) buffer_free_q <= BufferW'(BufferBeats));
  a_no_new_address_after_stop :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      stop_o && (!m_axi_arvalid || m_axi_arready) |=> !m_axi_arvalid);
  a_sticky :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      error_o && !flush_o |=> error_o && $stable({error_cause_o, error_addr_o, error_tag_o}));
  a_cause :
  assert property (@(posedge clk_i) disable iff (!rst_ni) error_o |-> error_cause_o != CauseNone);
endmodule
