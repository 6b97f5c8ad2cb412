// hbm_writer_checker: what the header of hbm_writer promises, as assertions at its border; no outputs, no logic.
//
//   bursts aligned, within MaxBurstBytes and 4 KB, at most Outstanding in flight; AW, W and answers keep the valid/ready
//   rules; WLAST on a burst's last beat, no data without an address; bready is always 1; no more answers than descriptors;
//   idle means all answered; 2 cycles from B to the answer.
//
// Parameters:
//   DataW, AddrW, TagW, MaxBurstBytes, Outstanding  as in hbm_writer
// Ports: copies of hbm_writer's, and
//   desc_take_i  a descriptor is taken
module hbm_writer_checker #(
    parameter int unsigned DataW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned TagW = 8,
    parameter int unsigned MaxBurstBytes = 512,
    parameter int unsigned Outstanding = 16
) (
    input logic             clk_i,
    input logic             rst_ni,
    input logic             stop_i,
    input logic             flush_i,
    input logic             clearing_i,
    input logic             idle_i,
    input logic             error_i,
    input logic             desc_take_i,
    input logic [ TagW-1:0] m_done_tag,
    input logic [      3:0] m_done_cause,
    input logic             m_done_tvalid,
    input logic             m_done_tready,
    input logic [AddrW-1:0] m_axi_awaddr,
    input logic [      7:0] m_axi_awlen,
    input logic             m_axi_awvalid,
    input logic             m_axi_awready,
    input logic [DataW-1:0] m_axi_wdata,
    input logic [DataW/8-1:0] m_axi_wstrb,
    input logic             m_axi_wlast,
    input logic             m_axi_wvalid,
    input logic             m_axi_wready,
    input logic             m_axi_bvalid,
    input logic             m_axi_bready
);
  localparam int unsigned BeatBytes = DataW / 8;
  localparam int unsigned Ring = 256;

  // Lengths of the bursts offered, to follow W; it may be ahead of AWREADY, never of AWVALID.
  logic [7:0] lens[Ring];
  int unsigned offered_q, sent_q, beat_q, flight_q, open_q;
  logic aw_waits_q;
  wire offer = m_axi_awvalid && !aw_waits_q;
  wire sent = m_axi_wvalid && m_axi_wready;
  wire done = m_done_tvalid && m_done_tready;
  wire [7:0] len_now = (sent_q == offered_q) ? m_axi_awlen : lens[sent_q%Ring];

  always_ff @(posedge clk_i) begin
    if (offer) lens[offered_q%Ring] <= m_axi_awlen;
    aw_waits_q <= rst_ni && m_axi_awvalid && !m_axi_awready;
    if (!rst_ni || flush_i) begin
      offered_q <= 0;
      sent_q    <= 0;
      beat_q    <= 0;
      flight_q  <= 0;
      open_q    <= 0;
    end else begin
      offered_q <= offered_q + (offer ? 1 : 0);
      sent_q    <= sent_q + ((sent && m_axi_wlast) ? 1 : 0);
      if (sent) beat_q <= m_axi_wlast ? 0 : beat_q + 1;
      flight_q <= flight_q + (offer ? 1 : 0) - ((m_axi_bvalid && flight_q != 0) ? 1 : 0);
      open_q   <= open_q + (desc_take_i ? 1 : 0) - (done ? 1 : 0);
    end
  end

  stream_checker #(
      .Width(AddrW + 8)
  ) i_address (
      .clk_i,
      .rst_ni,
      .valid_i(m_axi_awvalid),
      .ready_i(m_axi_awready),
      .data_i ({m_axi_awaddr, m_axi_awlen})
  );
  stream_checker #(
      .Width(DataW + BeatBytes + 1)
  ) i_data (
      .clk_i,
      .rst_ni,
      .valid_i(m_axi_wvalid),
      .ready_i(m_axi_wready),
      .data_i ({m_axi_wdata, m_axi_wstrb, m_axi_wlast})
  );
  stream_checker #(
      .Width(TagW + 4)
  ) i_done (
      .clk_i,
      .rst_ni (rst_ni && !clearing_i),
      .valid_i(m_done_tvalid),
      .ready_i(m_done_tready),
      .data_i ({m_done_tag, m_done_cause})
  );

  a_4k_border :
  assert property (@(posedge clk_i) disable iff (!rst_ni) m_axi_awvalid |->
      32'(m_axi_awaddr[11:0]) + (32'(m_axi_awlen) + 1) * BeatBytes <= 4096);
  a_aligned :
  assert property (@(posedge clk_i) disable iff (!rst_ni) m_axi_awvalid |->
      m_axi_awaddr[$clog2(BeatBytes)-1:0] == '0 && (32'(m_axi_awlen) + 1) * BeatBytes <= MaxBurstBytes);
  a_outstanding :
  assert property (@(posedge clk_i) disable iff (!rst_ni) flight_q <= Outstanding);
  a_data_has_address :
  assert property (@(posedge clk_i) disable iff (!rst_ni) m_axi_wvalid |-> sent_q != offered_q || offer);
  a_wlast :
  assert property (@(posedge clk_i) disable iff (!rst_ni) m_axi_wvalid |-> m_axi_wlast == (beat_q == 32'(len_now)));
  a_bready :
  assert property (@(posedge clk_i) disable iff (!rst_ni) m_axi_bready);
  a_no_new_address_after_error :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      error_i && (!m_axi_awvalid || m_axi_awready) |=> !m_axi_awvalid);
  a_done_has_descriptor :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clearing_i) done |-> open_q != 0);
  a_idle_is_answered :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clearing_i)
      idle_i && !error_i |-> open_q == 0 && flight_q == 0);
  a_error_answered_once :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clearing_i) m_done_tvalid && m_done_cause != '0 |-> stop_i);
endmodule
