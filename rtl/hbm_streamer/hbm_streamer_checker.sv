// hbm_streamer_checker: what the header of hbm_streamer promises, as assertions at its border; no outputs, no logic.
//
//   bursts aligned, within MaxBurstBytes and 4 KB, at most WindowBytes in flight; address and output streams keep the
//   valid/ready rules; rready is always 1; no more tlast than descriptors; idle means all delivered;
//   4 cycles from a descriptor to its address when idle, 4 cycles from R to an empty buffer's output.
//
// Parameters:
//   DataW, AddrW, TagW, WindowBytes, MaxBurstBytes  as in hbm_streamer
// Ports: copies of hbm_streamer's, and
//   desc_take_i  a descriptor is taken      legal_i  the burst on offer is legal
//   push_i       a beat enters the buffer   empty_i  the buffer is empty
module hbm_streamer_checker #(
    parameter int unsigned DataW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned TagW = 8,
    parameter int unsigned WindowBytes = 4096,
    parameter int unsigned MaxBurstBytes = 512
) (
    input logic             clk_i,
    input logic             rst_ni,
    input logic             stop_i,
    input logic             flush_i,
    input logic             clearing_i,
    input logic             idle_i,
    input logic             error_i,
    input logic             desc_take_i,
    input logic             legal_i,
    input logic             push_i,
    input logic             empty_i,
    input logic [DataW-1:0] m_axis_tdata,
    input logic             m_axis_tlast,
    input logic [ TagW-1:0] m_axis_tuser,
    input logic             m_axis_tvalid,
    input logic             m_axis_tready,
    input logic [AddrW-1:0] m_axi_araddr,
    input logic [      7:0] m_axi_arlen,
    input logic             m_axi_arvalid,
    input logic             m_axi_arready,
    input logic             m_axi_rvalid,
    input logic             m_axi_rready
);
  localparam int unsigned BeatBytes = DataW / 8;

  int unsigned flight_q;  // beats whose address was taken and that have not come back
  int unsigned open_q;  // descriptors taken whose tlast has not been delivered
  logic [3:0] desc_age_q, beat_age_q;  // bit n-1 is set n cycles after an undisturbed start
  wire last_out = m_axis_tvalid && m_axis_tready && m_axis_tlast;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i) begin
      flight_q <= 0;
      open_q   <= 0;
    end else begin
      flight_q <= flight_q + ((m_axi_arvalid && m_axi_arready) ? 32'(m_axi_arlen) + 1 : 0)
                  - ((m_axi_rvalid && flight_q != 0) ? 1 : 0);
      open_q <= open_q + (desc_take_i ? 1 : 0) - (last_out ? 1 : 0);
    end
    if (!rst_ni || stop_i) begin
      desc_age_q <= '0;
      beat_age_q <= '0;
    end else begin
      desc_age_q <= {desc_age_q[2:0], desc_take_i && idle_i};
      beat_age_q <= {beat_age_q[2:1], beat_age_q[0] && push_i, m_axi_rvalid && empty_i};
    end
  end

  stream_checker #(
      .Width(AddrW + 8)
  ) i_address (
      .clk_i,
      .rst_ni,
      .valid_i(m_axi_arvalid),
      .ready_i(m_axi_arready),
      .data_i ({m_axi_araddr, m_axi_arlen})
  );
  stream_checker #(
      .Width(DataW + 1 + TagW)
  ) i_out (
      .clk_i,
      .rst_ni (rst_ni && !clearing_i),
      .valid_i(m_axis_tvalid),
      .ready_i(m_axis_tready),
      .data_i ({m_axis_tdata, m_axis_tlast, m_axis_tuser})
  );

  a_4k_border :
  assert property (@(posedge clk_i) disable iff (!rst_ni) m_axi_arvalid |->
      32'(m_axi_araddr[11:0]) + (32'(m_axi_arlen) + 1) * BeatBytes <= 4096);
  a_aligned :
  assert property (@(posedge clk_i) disable iff (!rst_ni) m_axi_arvalid |->
      m_axi_araddr[$clog2(BeatBytes)-1:0] == '0 && (32'(m_axi_arlen) + 1) * BeatBytes <= MaxBurstBytes);
  a_window :
  assert property (@(posedge clk_i) disable iff (!rst_ni) flight_q * BeatBytes <= WindowBytes);
  a_rready :
  assert property (@(posedge clk_i) disable iff (!rst_ni) m_axi_rready);
  a_no_new_address_after_error :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      error_i && (!m_axi_arvalid || m_axi_arready) |=> !m_axi_arvalid);
  a_last_has_descriptor :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clearing_i) last_out |-> open_q != 0);
  a_idle_is_delivered :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clearing_i)
      idle_i && !error_i |-> open_q == 0 && flight_q == 0);
  a_desc_to_address :
  assert property (@(posedge clk_i) disable iff (!rst_ni || stop_i)
      desc_age_q[3] && $past(legal_i) |-> m_axi_arvalid);
  a_r_to_out :
  assert property (@(posedge clk_i) disable iff (!rst_ni || stop_i) beat_age_q[3] |-> m_axis_tvalid);
endmodule
