// accel_ports: the stream ports of the memory, which the weight streams of the slices and the caches of keys and values share.
//
// Port 2n reads and writes keys of side n, port 2n + 1 its values; keys and values go first, see axi_read_mux. The ports behind them
// carry streams only.
//
// Latency:       addresses of shared ports 1 cycle, all else 0.
// Back-pressure: axi_read_mux's. No beat ever stops another: hbm_streamer takes all.
//
// Parameters:
//   Slices  ports, each of them a slice's stream
//   Sides   ports of keys, and as many of values
// Ports:
//   window_i  the upper address bits of all ports
module accel_ports
  import accel_pkg::*;
#(
    parameter int unsigned Slices = 2,
    parameter int unsigned Sides = 1
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic [63:WindowW] window_i,
    input  logic [Slices-1:0][0:0] s_axi_stream_arid,
    input  logic [Slices-1:0][63:0] s_axi_stream_araddr,
    input  logic [Slices-1:0][7:0] s_axi_stream_arlen,
    input  logic [Slices-1:0][2:0] s_axi_stream_arsize,
    input  logic [Slices-1:0][1:0] s_axi_stream_arburst,
    input  logic [Slices-1:0][3:0] s_axi_stream_arcache,
    input  logic [Slices-1:0][2:0] s_axi_stream_arprot,
    input  logic [Slices-1:0] s_axi_stream_arvalid,
    output logic [Slices-1:0] s_axi_stream_arready,
    output logic [Slices-1:0][0:0] s_axi_stream_rid,
    output logic [Slices-1:0][BeatW-1:0] s_axi_stream_rdata,
    output logic [Slices-1:0][1:0] s_axi_stream_rresp,
    output logic [Slices-1:0] s_axi_stream_rlast,
    output logic [Slices-1:0] s_axi_stream_rvalid,
    input  logic [Slices-1:0] s_axi_stream_rready,
    input  logic [Sides-1:0][0:0] s_axi_k_arid,
    input  logic [Sides-1:0][WindowW-1:0] s_axi_k_araddr,
    input  logic [Sides-1:0][7:0] s_axi_k_arlen,
    input  logic [Sides-1:0][2:0] s_axi_k_arsize,
    input  logic [Sides-1:0][1:0] s_axi_k_arburst,
    input  logic [Sides-1:0][3:0] s_axi_k_arcache,
    input  logic [Sides-1:0][2:0] s_axi_k_arprot,
    input  logic [Sides-1:0] s_axi_k_arvalid,
    output logic [Sides-1:0] s_axi_k_arready,
    output logic [Sides-1:0][0:0] s_axi_k_rid,
    output logic [Sides-1:0][BeatW-1:0] s_axi_k_rdata,
    output logic [Sides-1:0][1:0] s_axi_k_rresp,
    output logic [Sides-1:0] s_axi_k_rlast,
    output logic [Sides-1:0] s_axi_k_rvalid,
    input  logic [Sides-1:0] s_axi_k_rready,
    input  logic [Sides-1:0][0:0] s_axi_k_awid,
    input  logic [Sides-1:0][WindowW-1:0] s_axi_k_awaddr,
    input  logic [Sides-1:0][7:0] s_axi_k_awlen,
    input  logic [Sides-1:0][2:0] s_axi_k_awsize,
    input  logic [Sides-1:0][1:0] s_axi_k_awburst,
    input  logic [Sides-1:0][3:0] s_axi_k_awcache,
    input  logic [Sides-1:0][2:0] s_axi_k_awprot,
    input  logic [Sides-1:0] s_axi_k_awvalid,
    output logic [Sides-1:0] s_axi_k_awready,
    input  logic [Sides-1:0][BeatW-1:0] s_axi_k_wdata,
    input  logic [Sides-1:0][BeatW/8-1:0] s_axi_k_wstrb,
    input  logic [Sides-1:0] s_axi_k_wlast,
    input  logic [Sides-1:0] s_axi_k_wvalid,
    output logic [Sides-1:0] s_axi_k_wready,
    output logic [Sides-1:0][0:0] s_axi_k_bid,
    output logic [Sides-1:0][1:0] s_axi_k_bresp,
    output logic [Sides-1:0] s_axi_k_bvalid,
    input  logic [Sides-1:0] s_axi_k_bready,
    input  logic [Sides-1:0][0:0] s_axi_v_arid,
    input  logic [Sides-1:0][WindowW-1:0] s_axi_v_araddr,
    input  logic [Sides-1:0][7:0] s_axi_v_arlen,
    input  logic [Sides-1:0][2:0] s_axi_v_arsize,
    input  logic [Sides-1:0][1:0] s_axi_v_arburst,
    input  logic [Sides-1:0][3:0] s_axi_v_arcache,
    input  logic [Sides-1:0][2:0] s_axi_v_arprot,
    input  logic [Sides-1:0] s_axi_v_arvalid,
    output logic [Sides-1:0] s_axi_v_arready,
    output logic [Sides-1:0][0:0] s_axi_v_rid,
    output logic [Sides-1:0][BeatW-1:0] s_axi_v_rdata,
    output logic [Sides-1:0][1:0] s_axi_v_rresp,
    output logic [Sides-1:0] s_axi_v_rlast,
    output logic [Sides-1:0] s_axi_v_rvalid,
    input  logic [Sides-1:0] s_axi_v_rready,
    input  logic [Sides-1:0][0:0] s_axi_v_awid,
    input  logic [Sides-1:0][WindowW-1:0] s_axi_v_awaddr,
    input  logic [Sides-1:0][7:0] s_axi_v_awlen,
    input  logic [Sides-1:0][2:0] s_axi_v_awsize,
    input  logic [Sides-1:0][1:0] s_axi_v_awburst,
    input  logic [Sides-1:0][3:0] s_axi_v_awcache,
    input  logic [Sides-1:0][2:0] s_axi_v_awprot,
    input  logic [Sides-1:0] s_axi_v_awvalid,
    output logic [Sides-1:0] s_axi_v_awready,
    input  logic [Sides-1:0][BeatW-1:0] s_axi_v_wdata,
    input  logic [Sides-1:0][BeatW/8-1:0] s_axi_v_wstrb,
    input  logic [Sides-1:0] s_axi_v_wlast,
    input  logic [Sides-1:0] s_axi_v_wvalid,
    output logic [Sides-1:0] s_axi_v_wready,
    output logic [Sides-1:0][0:0] s_axi_v_bid,
    output logic [Sides-1:0][1:0] s_axi_v_bresp,
    output logic [Sides-1:0] s_axi_v_bvalid,
    input  logic [Sides-1:0] s_axi_v_bready,
    output logic [Slices-1:0][0:0] m_axi_arid,
    output logic [Slices-1:0][63:0] m_axi_araddr,
    output logic [Slices-1:0][7:0] m_axi_arlen,
    output logic [Slices-1:0][2:0] m_axi_arsize,
    output logic [Slices-1:0][1:0] m_axi_arburst,
    output logic [Slices-1:0][3:0] m_axi_arcache,
    output logic [Slices-1:0][2:0] m_axi_arprot,
    output logic [Slices-1:0] m_axi_arvalid,
    input  logic [Slices-1:0] m_axi_arready,
    input  logic [Slices-1:0][0:0] m_axi_rid,
    input  logic [Slices-1:0][BeatW-1:0] m_axi_rdata,
    input  logic [Slices-1:0][1:0] m_axi_rresp,
    input  logic [Slices-1:0] m_axi_rlast,
    input  logic [Slices-1:0] m_axi_rvalid,
    output logic [Slices-1:0] m_axi_rready,
    output logic [Slices-1:0][0:0] m_axi_awid,
    output logic [Slices-1:0][63:0] m_axi_awaddr,
    output logic [Slices-1:0][7:0] m_axi_awlen,
    output logic [Slices-1:0][2:0] m_axi_awsize,
    output logic [Slices-1:0][1:0] m_axi_awburst,
    output logic [Slices-1:0][3:0] m_axi_awcache,
    output logic [Slices-1:0][2:0] m_axi_awprot,
    output logic [Slices-1:0] m_axi_awvalid,
    input  logic [Slices-1:0] m_axi_awready,
    output logic [Slices-1:0][BeatW-1:0] m_axi_wdata,
    output logic [Slices-1:0][BeatW/8-1:0] m_axi_wstrb,
    output logic [Slices-1:0] m_axi_wlast,
    output logic [Slices-1:0] m_axi_wvalid,
    input  logic [Slices-1:0] m_axi_wready,
    input  logic [Slices-1:0][0:0] m_axi_bid,
    input  logic [Slices-1:0][1:0] m_axi_bresp,
    input  logic [Slices-1:0] m_axi_bvalid,
    output logic [Slices-1:0] m_axi_bready
);
  localparam int unsigned Alone = 64;  // about what comes within a memory's latency: the streams go on without a pause

  if (2 * Sides > Slices) $error("%m: Sides is %0d, allowed: up to %0d, half the slices", Sides, Slices / 2);

  for (genvar p = 0; p < Slices; p++) begin : gen_port
    if (p < 2 * Sides) begin : gen_shared
      localparam int unsigned N = p / 2;
      if (p % 2 == 0) begin : gen_keys
        axi_read_mux #(.AddrW(WindowW), .DataW(BeatW), .Alone(Alone)) u_mux (
            .clk_i, .rst_ni,
            .s_axi_araddr({s_axi_stream_araddr[p][WindowW-1:0], s_axi_k_araddr[N]}),
            .s_axi_arlen({s_axi_stream_arlen[p], s_axi_k_arlen[N]}),
            .s_axi_arsize({s_axi_stream_arsize[p], s_axi_k_arsize[N]}),
            .s_axi_arburst({s_axi_stream_arburst[p], s_axi_k_arburst[N]}),
            .s_axi_arcache({s_axi_stream_arcache[p], s_axi_k_arcache[N]}),
            .s_axi_arprot({s_axi_stream_arprot[p], s_axi_k_arprot[N]}),
            .s_axi_arvalid({s_axi_stream_arvalid[p], s_axi_k_arvalid[N]}),
            .s_axi_arready({s_axi_stream_arready[p], s_axi_k_arready[N]}),
            .s_axi_rid({s_axi_stream_rid[p], s_axi_k_rid[N]}),
            .s_axi_rdata({s_axi_stream_rdata[p], s_axi_k_rdata[N]}),
            .s_axi_rresp({s_axi_stream_rresp[p], s_axi_k_rresp[N]}),
            .s_axi_rlast({s_axi_stream_rlast[p], s_axi_k_rlast[N]}),
            .s_axi_rvalid({s_axi_stream_rvalid[p], s_axi_k_rvalid[N]}),
            .s_axi_rready({s_axi_stream_rready[p], s_axi_k_rready[N]}),
            .m_axi_arid(m_axi_arid[p]), .m_axi_araddr(m_axi_araddr[p][WindowW-1:0]), .m_axi_arlen(m_axi_arlen[p]), .m_axi_arsize(m_axi_arsize[p]),
            .m_axi_arburst(m_axi_arburst[p]), .m_axi_arcache(m_axi_arcache[p]), .m_axi_arprot(m_axi_arprot[p]), .m_axi_arvalid(m_axi_arvalid[p]),
            .m_axi_arready(m_axi_arready[p]), .m_axi_rid(m_axi_rid[p]), .m_axi_rdata(m_axi_rdata[p]), .m_axi_rresp(m_axi_rresp[p]),
            .m_axi_rlast(m_axi_rlast[p]), .m_axi_rvalid(m_axi_rvalid[p]), .m_axi_rready(m_axi_rready[p])
        );
        assign m_axi_araddr[p][63:WindowW] = window_i;
        assign m_axi_awid[p] = s_axi_k_awid[N];
        assign m_axi_awaddr[p] = {window_i, s_axi_k_awaddr[N]};
        assign m_axi_awlen[p] = s_axi_k_awlen[N];
        assign m_axi_awsize[p] = s_axi_k_awsize[N];
        assign m_axi_awburst[p] = s_axi_k_awburst[N];
        assign m_axi_awcache[p] = s_axi_k_awcache[N];
        assign m_axi_awprot[p] = s_axi_k_awprot[N];
        assign m_axi_awvalid[p] = s_axi_k_awvalid[N];
        assign s_axi_k_awready[N] = m_axi_awready[p];
        assign m_axi_wdata[p] = s_axi_k_wdata[N];
        assign m_axi_wstrb[p] = s_axi_k_wstrb[N];
        assign m_axi_wlast[p] = s_axi_k_wlast[N];
        assign m_axi_wvalid[p] = s_axi_k_wvalid[N];
        assign s_axi_k_wready[N] = m_axi_wready[p];
        assign s_axi_k_bid[N] = m_axi_bid[p];
        assign s_axi_k_bresp[N] = m_axi_bresp[p];
        assign s_axi_k_bvalid[N] = m_axi_bvalid[p];
        assign m_axi_bready[p] = s_axi_k_bready[N];
      end else begin : gen_values
        axi_read_mux #(.AddrW(WindowW), .DataW(BeatW), .Alone(Alone)) u_mux (
            .clk_i, .rst_ni,
            .s_axi_araddr({s_axi_stream_araddr[p][WindowW-1:0], s_axi_v_araddr[N]}),
            .s_axi_arlen({s_axi_stream_arlen[p], s_axi_v_arlen[N]}),
            .s_axi_arsize({s_axi_stream_arsize[p], s_axi_v_arsize[N]}),
            .s_axi_arburst({s_axi_stream_arburst[p], s_axi_v_arburst[N]}),
            .s_axi_arcache({s_axi_stream_arcache[p], s_axi_v_arcache[N]}),
            .s_axi_arprot({s_axi_stream_arprot[p], s_axi_v_arprot[N]}),
            .s_axi_arvalid({s_axi_stream_arvalid[p], s_axi_v_arvalid[N]}),
            .s_axi_arready({s_axi_stream_arready[p], s_axi_v_arready[N]}),
            .s_axi_rid({s_axi_stream_rid[p], s_axi_v_rid[N]}),
            .s_axi_rdata({s_axi_stream_rdata[p], s_axi_v_rdata[N]}),
            .s_axi_rresp({s_axi_stream_rresp[p], s_axi_v_rresp[N]}),
            .s_axi_rlast({s_axi_stream_rlast[p], s_axi_v_rlast[N]}),
            .s_axi_rvalid({s_axi_stream_rvalid[p], s_axi_v_rvalid[N]}),
            .s_axi_rready({s_axi_stream_rready[p], s_axi_v_rready[N]}),
            .m_axi_arid(m_axi_arid[p]), .m_axi_araddr(m_axi_araddr[p][WindowW-1:0]), .m_axi_arlen(m_axi_arlen[p]), .m_axi_arsize(m_axi_arsize[p]),
            .m_axi_arburst(m_axi_arburst[p]), .m_axi_arcache(m_axi_arcache[p]), .m_axi_arprot(m_axi_arprot[p]), .m_axi_arvalid(m_axi_arvalid[p]),
            .m_axi_arready(m_axi_arready[p]), .m_axi_rid(m_axi_rid[p]), .m_axi_rdata(m_axi_rdata[p]), .m_axi_rresp(m_axi_rresp[p]),
            .m_axi_rlast(m_axi_rlast[p]), .m_axi_rvalid(m_axi_rvalid[p]), .m_axi_rready(m_axi_rready[p])
        );
        assign m_axi_araddr[p][63:WindowW] = window_i;
        assign m_axi_awid[p] = s_axi_v_awid[N];
        assign m_axi_awaddr[p] = {window_i, s_axi_v_awaddr[N]};
        assign m_axi_awlen[p] = s_axi_v_awlen[N];
        assign m_axi_awsize[p] = s_axi_v_awsize[N];
        assign m_axi_awburst[p] = s_axi_v_awburst[N];
        assign m_axi_awcache[p] = s_axi_v_awcache[N];
        assign m_axi_awprot[p] = s_axi_v_awprot[N];
        assign m_axi_awvalid[p] = s_axi_v_awvalid[N];
        assign s_axi_v_awready[N] = m_axi_awready[p];
        assign m_axi_wdata[p] = s_axi_v_wdata[N];
        assign m_axi_wstrb[p] = s_axi_v_wstrb[N];
        assign m_axi_wlast[p] = s_axi_v_wlast[N];
        assign m_axi_wvalid[p] = s_axi_v_wvalid[N];
        assign s_axi_v_wready[N] = m_axi_wready[p];
        assign s_axi_v_bid[N] = m_axi_bid[p];
        assign s_axi_v_bresp[N] = m_axi_bresp[p];
        assign s_axi_v_bvalid[N] = m_axi_bvalid[p];
        assign m_axi_bready[p] = s_axi_v_bready[N];
      end
    end else begin : gen_stream
      assign m_axi_arid[p] = s_axi_stream_arid[p];
      assign m_axi_araddr[p] = s_axi_stream_araddr[p];
      assign m_axi_arlen[p] = s_axi_stream_arlen[p];
      assign m_axi_arsize[p] = s_axi_stream_arsize[p];
      assign m_axi_arburst[p] = s_axi_stream_arburst[p];
      assign m_axi_arcache[p] = s_axi_stream_arcache[p];
      assign m_axi_arprot[p] = s_axi_stream_arprot[p];
      assign m_axi_arvalid[p] = s_axi_stream_arvalid[p];
      assign s_axi_stream_arready[p] = m_axi_arready[p];
      assign s_axi_stream_rid[p] = m_axi_rid[p];
      assign s_axi_stream_rdata[p] = m_axi_rdata[p];
      assign s_axi_stream_rresp[p] = m_axi_rresp[p];
      assign s_axi_stream_rlast[p] = m_axi_rlast[p];
      assign s_axi_stream_rvalid[p] = m_axi_rvalid[p];
      assign m_axi_rready[p] = s_axi_stream_rready[p];
      assign m_axi_awid[p] = '0;
      assign m_axi_awaddr[p] = '0;
      assign m_axi_awlen[p] = '0;
      assign m_axi_awsize[p] = '0;
      assign m_axi_awburst[p] = '0;
      assign m_axi_awcache[p] = '0;
      assign m_axi_awprot[p] = '0;
      assign m_axi_awvalid[p] = '0;
      assign m_axi_wdata[p] = '0;
      assign m_axi_wstrb[p] = '0;
      assign m_axi_wlast[p] = '0;
      assign m_axi_wvalid[p] = '0;
      assign m_axi_bready[p] = '1;
    end
  end
  wire unused = ^{s_axi_k_arid, s_axi_v_arid, s_axi_stream_arid, m_axi_awready, m_axi_wready, m_axi_bid, m_axi_bresp, m_axi_bvalid};
endmodule
