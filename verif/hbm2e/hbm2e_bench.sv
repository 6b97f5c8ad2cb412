// hbm2e_bench: an hbm2e_master on every hbm_port but the last two of the 64 near ones, which have an hbm_streamer each, as in the
// accelerator: 4 KB a descriptor, on and on, its beats checked. tb.py sets the traffic and reads statistics.
module hbm2e_bench #(
    parameter int unsigned Ports = 66
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             run_i,
    input  logic [Ports-1:0] active_i,
    input  logic [     63:0] base_i,
    input  logic [     63:0] apart_i,   // port p begins at base_i + p * apart_i
    input  logic [     63:0] step_i,
    input  logic [     63:0] mask_i,
    input  logic             random_i,
    input  logic [      8:0] beats_i,
    input  logic [     31:0] bursts_i,
    input  logic [      6:0] limit_i,
    input  logic [Ports-1:0] writers_i,
    input  logic [      8:0] writes_i,  // of the writers' bursts, in 1/256
    input  logic [      7:0] stall_i,
    input  logic             check_i,
    output logic             done_o,
    output logic [     31:0] errors_o,
    output logic [     31:0] faults_o
);
  localparam int unsigned FirstStreamer = 62, LastStreamer = 63;

  logic [Ports-1:0] done;
  logic [31:0] errors[Ports], faults[Ports];

  always_comb begin
    done_o   = &(done | ~active_i);
    errors_o = '0;
    faults_o = '0;
    for (int p = 0; p < Ports; p++) begin
      errors_o += errors[p];
      faults_o += faults[p];
    end
  end

  for (genvar p = 0; p < Ports; p++) begin : g_port
    logic [3:0] arid, rid, awid, bid;
    logic [63:0] araddr, awaddr;
    logic [7:0] arlen, awlen;
    logic [1:0] rresp, bresp;
    logic arvalid, arready, rlast, rvalid, rready, awvalid, awready, wlast, wvalid, wready, bvalid, bready;
    logic [255:0] rdata, wdata;
    wire [63:0] base = base_i + p * apart_i;

    if (p == FirstStreamer || p == LastStreamer) begin : g_streamer
      logic [63:0] desc_q, beat_q, unused_error_addr;
      logic [255:0] data, want;
      logic desc_ready, valid, unused_last, unused_busy, unused_idle, error;
      logic [7:0] unused_user, unused_tag;
      logic [3:0] unused_arcache;
      logic [2:0] unused_arprot, unused_arsize;
      logic [1:0] unused_arburst;
      hbm_streamer_pkg::cause_e unused_cause;

      for (genvar i = 0; i < 8; i++) assign want[32*i+:32] = (beat_q[33:2] + i) * 32'h9e37_79b1;
      always_ff @(posedge clk_i) begin
        if (!rst_ni) begin
          desc_q    <= base;
          beat_q    <= base;
          errors[p] <= '0;
        end else begin
          if (run_i && active_i[p] && desc_ready) desc_q <= base + ((desc_q + 4096 - base) & mask_i);
          if (valid) beat_q <= base + ((beat_q + 32 - base) & mask_i);
          if ((valid && check_i && data != want) || error) errors[p] <= errors[p] + 1;
        end
      end
      assign done[p]   = 1'b1;
      assign faults[p] = '0;
      assign {awaddr, awlen, awid, awvalid, wdata, wlast, wvalid, bready} = '0;

      hbm_streamer #(.IdW(4)) i_streamer (
          .clk_i, .rst_ni, .s_desc_addr(desc_q), .s_desc_bytes(32'd4096), .s_desc_tag(8'd0),
          .s_desc_tvalid(run_i && active_i[p]), .s_desc_tready(desc_ready), .m_axis_tdata(data), .m_axis_tlast(unused_last),
          .m_axis_tuser(unused_user), .m_axis_tvalid(valid), .m_axis_tready(1'b1), .m_axi_arid(arid), .m_axi_araddr(araddr),
          .m_axi_arlen(arlen), .m_axi_arsize(unused_arsize), .m_axi_arburst(unused_arburst), .m_axi_arcache(unused_arcache),
          .m_axi_arprot(unused_arprot), .m_axi_arvalid(arvalid), .m_axi_arready(arready), .m_axi_rid(rid),
          .m_axi_rdata(rdata), .m_axi_rresp(rresp), .m_axi_rlast(rlast), .m_axi_rvalid(rvalid), .m_axi_rready(rready),
          .clear_i(1'b0), .busy_o(unused_busy), .idle_o(unused_idle), .error_o(error), .error_cause_o(unused_cause),
          .error_addr_o(unused_error_addr), .error_tag_o(unused_tag)
      );
    end else begin : g_master
      hbm2e_master i_master (
          .clk_i, .rst_ni, .run_i(run_i && active_i[p]), .seed_i(32'd2_654_435_769 * (p + 1)), .base_i(base), .step_i,
          .mask_i, .random_i, .beats_i, .bursts_i, .limit_i, .writes_i(writers_i[p] ? writes_i : '0), .stall_i, .check_i,
          .done_o(done[p]), .errors_o(errors[p]), .faults_o(faults[p]), .m_axi_araddr(araddr), .m_axi_arlen(arlen), .m_axi_arid(arid),
          .m_axi_arvalid(arvalid), .m_axi_arready(arready), .m_axi_rid(rid), .m_axi_rdata(rdata), .m_axi_rresp(rresp),
          .m_axi_rlast(rlast), .m_axi_rvalid(rvalid), .m_axi_rready(rready), .m_axi_awaddr(awaddr), .m_axi_awlen(awlen),
          .m_axi_awid(awid), .m_axi_awvalid(awvalid), .m_axi_awready(awready), .m_axi_wdata(wdata), .m_axi_wlast(wlast),
          .m_axi_wvalid(wvalid), .m_axi_wready(wready), .m_axi_bid(bid), .m_axi_bresp(bresp), .m_axi_bvalid(bvalid),
          .m_axi_bready(bready)
      );
    end

    hbm_port #(
        .Port(p), .IdW(4)
    ) i_port (
        .clk_i, .rst_ni, .s_axi_arid(arid), .s_axi_araddr(araddr), .s_axi_arlen(arlen), .s_axi_arsize(3'd5),
        .s_axi_arburst(2'b01), .s_axi_arvalid(arvalid), .s_axi_arready(arready), .s_axi_rid(rid), .s_axi_rdata(rdata),
        .s_axi_rresp(rresp), .s_axi_rlast(rlast), .s_axi_rvalid(rvalid), .s_axi_rready(rready), .s_axi_awid(awid),
        .s_axi_awaddr(awaddr), .s_axi_awlen(awlen), .s_axi_awsize(3'd5), .s_axi_awburst(2'b01), .s_axi_awvalid(awvalid),
        .s_axi_awready(awready), .s_axi_wdata(wdata), .s_axi_wstrb('1), .s_axi_wlast(wlast), .s_axi_wvalid(wvalid),
        .s_axi_wready(wready), .s_axi_bid(bid), .s_axi_bresp(bresp), .s_axi_bvalid(bvalid), .s_axi_bready(bready)
    );
  end
endmodule
